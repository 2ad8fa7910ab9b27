// The task of bench/service.mjs: a request's JSON is read and written in the pool's thread.
export async function answer(body, { database }) {
  const { vector, k } = JSON.parse(Buffer.from(body).toString());
  return Buffer.from(JSON.stringify(await database.search(vector, { k })));
}
