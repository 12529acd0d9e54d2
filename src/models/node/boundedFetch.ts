import { Text2LiveError } from '../../errors.js'

/** Bytes of an answer: that of a repository of thousands of files has one million. */
const longestAnswer = 2 ** 24
/** Seconds that an answer may take once it has begun, however steadily it goes on. */
const longestTime = 120

/**
 * A `fetch` for answers that are read whole: each is here, and within a size and a time, before it is given on. Files
 * are no such answers, but what a server says in place of one is.
 * @param all whether answers of success are bounded too
 * @throws DOWNLOAD_FAILED
 */
export function boundedFetch(fetch: typeof globalThis.fetch, all: boolean): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    if (response.body === null || (response.ok && !all)) return response
    const parts: Uint8Array[] = []
    let bytes = 0
    const began = performance.now()
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        parts.push(value)
        bytes += value.byteLength
        if (bytes > longestAnswer) throw endless(response.url, `more than ${longestAnswer} bytes`)
        if (performance.now() - began > 1000 * longestTime)
          throw endless(response.url, `bytes for more than ${longestTime} s`)
      }
    } catch (error) {
      await reader.cancel().catch(() => undefined)
      throw error
    }
    const { status, statusText, headers, url } = response
    return Object.defineProperty(new Response(Buffer.concat(parts), { status, statusText, headers }), 'url', {
      value: url,
    })
  }
}

const endless = (url: string, came: string): Text2LiveError =>
  new Text2LiveError(
    'DOWNLOAD_FAILED',
    `Expected a short answer from ${url}, it sent ${came}. Check HF_ENDPOINT, or try again later.`,
  )
