/** Every way in which a call through a manager can fail. */
export type ServiceErrorCode =
  | 'SERVICE_NOT_FOUND'
  | 'METHOD_NOT_FOUND'
  | 'INVALID_ARGUMENT'
  | 'START_FAILED'
  | 'CALL_FAILED'
  | 'TIMEOUT'
  | 'ABORTED'
  | 'OVERLOADED'
  | 'SHUTTING_DOWN';

/** Where a call was when it failed. */
export interface ServiceErrorDetails {
  service?: string;
  method?: string;
  requestId?: number;
  cause?: unknown;
}

/** A failed call. `cause` is what the service threw (`CALL_FAILED`, `START_FAILED`) or the signal's reason (`ABORTED`). */
export class ServiceError extends Error {
  readonly code: ServiceErrorCode;
  readonly service: string | undefined;
  readonly method: string | undefined;
  readonly requestId: number | undefined;

  constructor(code: ServiceErrorCode, message: string, details: ServiceErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.service = details.service;
    this.method = details.method;
    this.requestId = details.requestId;
  }

  static {
    ServiceError.prototype.name = 'ServiceError';
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
