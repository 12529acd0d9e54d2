import { Text2LiveError } from '../errors.js'

/**
 * The body of a request, held in memory: one that says that it is too long is refused unread, one that does not say so
 * when it gets too long.
 * @param limit bytes
 * @throws REQUEST_TOO_LARGE, REQUEST_INVALID where it was cut
 */
export async function readBody(request: Request, limit: number): Promise<Uint8Array> {
  const announced = Number(request.headers.get('content-length') ?? 0)
  if (announced > limit) throw tooLarge(limit)
  if (request.body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of piecesOf(request.body)) {
    length += chunk.length
    if (length > limit) throw tooLarge(limit)
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)
}

/**
 * The pieces of a request's body as they come.
 * @throws REQUEST_INVALID where it was cut
 */
async function* piecesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new Text2LiveError('REQUEST_INVALID', 'The request ended before all of it had come. Send it again.', {
          cause,
        })
      })
      if (done) return
      yield value
    }
  } finally {
    // What is not wanted any more is not read either; where the other side has gone, there is nothing to end.
    await reader.cancel().catch(() => undefined)
  }
}

const tooLarge = (limit: number): Text2LiveError =>
  new Text2LiveError(
    'REQUEST_TOO_LARGE',
    `A request like this may have ${Math.floor(limit / 2 ** 20)} MiB; this one is longer. Use smaller pictures, or the command line, which has no such bound.`,
  )
