// Compile-time side of the filter language; lib/filter.ts checks the same at run time. docs/filters.md has the semantics.
import type { JsonValue } from './types.js';

type Scalar = string | number | boolean | null;
type IsAny<T> = 0 extends 1 & T ? true : false;

/** The object members of a type: what a dotted path can step into. Arrays are not. */
type ObjectPart<T> = T extends Scalar | undefined | readonly unknown[] ? never : T extends object ? T : never;
type Element<T> = T extends readonly (infer E)[] ? E : never;
// JsonValue is read-only already, and mapping a recursive type would not end.
type DeepReadonly<T> = [JsonValue] extends [T] ? T : ReadonlyParts<T>;
type ReadonlyParts<T> = T extends Scalar | undefined ? T : { readonly [K in keyof T]: DeepReadonly<T[K]> };

/** Paths deeper than this are not offered by the type; such a filter needs `as Filter<M>`. */
type MaxDepth = 6;
type Key = string | number;

type SubPaths<K extends Key, T, Depth extends 0[]> = T extends object
  ? Depth['length'] extends MaxDepth
    ? never
    : `${K}.${Paths<T, [...Depth, 0]>}`
  : never;

/** Every field name of `M` and every dotted path into its nested objects. */
type Paths<M, Depth extends 0[] = []> = M extends object
  ? string extends keyof M
    ? string
    : { [K in keyof M & Key]-?: `${K}` | SubPaths<K, ObjectPart<M[K]>, Depth> }[keyof M & Key]
  : never;

type Property<T, K extends string> = T extends object
  ? K extends keyof T
    ? T[K]
    : K extends `${infer N extends number}`
      ? N extends keyof T
        ? T[N]
        : never
      : never
  : never;

/** Type of the value at a path: a key equal to the whole path first, else step by step. */
type ValueAt<T, P extends string, Depth extends 0[] = []> = [Property<T, P>] extends [never]
  ? Depth['length'] extends MaxDepth
    ? never
    : P extends `${infer Head}.${infer Rest}`
      ? ValueAt<ObjectPart<Property<T, Head>>, Rest, [...Depth, 0]>
      : never
  : Property<T, P>;

/** What a field of type `V` can equal: the whole value, an element of an array, or null (which also stands for missing). */
type Equal<V> = DeepReadonly<Exclude<V, undefined> | Exclude<Element<V>, undefined>> | null;

type Widen<T> = T extends string ? string : T extends number ? number : T extends boolean ? boolean : never;
/** Operands of comparisons: of the field's own types, literals widened. */
type Ordered<V> = Widen<V | Element<V>>;

type Contained<V> = (V extends string ? string : never) | DeepReadonly<Exclude<Element<V>, undefined>>;

type Prefix<V> = [Extract<V | Element<V>, string>] extends [never] ? never : string;

type ElementCondition<E> = FieldOperators<E> | ([ObjectPart<E>] extends [never] ? never : Filter<ObjectPart<E>>);

/** Conditions on one field of type `V`; all of them must hold. */
export interface FieldOperators<V = JsonValue> {
  /** Equal to the value; on an array also: has it as an element. `null` matches missing fields too. */
  $eq?: Equal<V>;
  /** Not `$eq`: also matches where the field is missing. */
  $ne?: Equal<V>;
  $gt?: Ordered<V>;
  $gte?: Ordered<V>;
  $lt?: Ordered<V>;
  $lte?: Ordered<V>;
  /** Equal to one of the values. Empty matches nothing. */
  $in?: readonly Equal<V>[];
  /** Not `$in`: also matches where the field is missing. */
  $nin?: readonly Equal<V>[];
  /** Whether the field is there; `null` counts as there. */
  $exists?: boolean;
  /** Every value equals the field or one of its elements. Empty matches nothing. */
  $all?: readonly Equal<V>[];
  /** One element of the array meets all of this: operators for the element itself, or a filter when it is an object. */
  $elemMatch?: [Element<V>] extends [never] ? never : ElementCondition<Exclude<Element<V>, undefined>>;
  /** Substring of a string, or element of an array. */
  $contains?: Contained<V>;
  /** Begins with this string; on an array: an element does. */
  $startsWith?: Prefix<V>;
  /** Not all of these hold: also matches where the field is missing. */
  $not?: FieldOperators<V>;
}

/** A value to equal, or operators. */
export type FieldCondition<V> = Equal<V> | FieldOperators<V>;

interface LogicalOperators<F> {
  /** All match. Empty matches everything. */
  $and?: readonly F[];
  /** At least one matches. Empty matches nothing. */
  $or?: readonly F[];
  /** None matches. */
  $nor?: readonly F[];
  /** The filter does not match. */
  $not?: F;
}

/** A filter whose field names are not checked: for metadata with an index signature. */
export interface LooseFilter extends LogicalOperators<LooseFilter> {
  [path: string]: FieldCondition<JsonValue> | LooseFilter | readonly LooseFilter[] | undefined;
}

/**
 * A filter over metadata of type `M`: field names and dotted paths are checked against `M`, operands against the type of the field.
 *
 * ```ts
 * const recent: Filter<{ category: string; year: number }> = { category: 'news', year: { $gte: 2020 } };
 * ```
 */
export type Filter<M extends object = { [key: string]: JsonValue | undefined }> =
  IsAny<M> extends true
    ? LooseFilter
    : string extends keyof M
      ? LooseFilter
      : { [P in Paths<M>]?: FieldCondition<ValueAt<M, P>> } & LogicalOperators<Filter<M>>;
