import { interrupted } from '../../engine/stoppable.js'
import { Text2LiveError } from '../../errors.js'
import { digest } from '../../session/digest.js'
import type { SiteFile } from './siteFile.js'

/** Milliseconds before each attempt. */
const waits = [0, 300, 1_000, 3_000]
/** Milliseconds without a byte after which a download counts as broken off. */
const patience = 60_000

/**
 * A file of the site, whole and what it was when the site was built. What breaks off or comes damaged is tried again a
 * few times.
 * @param site address of the site's folder, with its last slash
 * @param onProgress told the bytes that have come
 * @throws DOWNLOAD_FAILED, MODEL_DAMAGED; INTERRUPTED when `signal` aborts
 */
export async function downloadSiteFile(
  site: string,
  file: SiteFile,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  for (let attempt = 0; ; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, waits[attempt]))
    try {
      return await download(new URL(file.path, site).href, file, onProgress, signal, attempt > 0)
    } catch (error) {
      if (signal.aborted) throw interrupted()
      if (!(error instanceof Text2LiveError) || attempt + 1 === waits.length) throw error
      onProgress(0)
    }
  }
}

async function download(
  address: string,
  { path, bytes: size, sha256 }: SiteFile,
  onProgress: (bytes: number) => void,
  outer: AbortSignal,
  again: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  const stalled = new AbortController()
  let timer = setTimeout(() => stalled.abort(), patience)
  const bytes = new Uint8Array(size)
  let at = 0
  try {
    const response = await fetch(address, {
      signal: AbortSignal.any([outer, stalled.signal]),
      // What a cache on the way gave before was not good.
      cache: again ? 'reload' : 'default',
    })
    if (!response.ok || response.body === null)
      throw failed(path, `the server answered ${response.status} ${response.statusText}`.trim())
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      clearTimeout(timer)
      timer = setTimeout(() => stalled.abort(), patience)
      if (at + value.length > size) {
        await reader.cancel()
        throw damaged(path, `more than the ${size} bytes that it should have`)
      }
      bytes.set(value, at)
      at += value.length
      onProgress(at)
    }
  } catch (cause) {
    if (cause instanceof Text2LiveError) throw cause
    throw failed(path, `after ${at} of ${size} bytes: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  } finally {
    clearTimeout(timer)
  }
  if (at < size) throw failed(path, `it broke off after ${at} of ${size} bytes`)
  if ((await digest(bytes)) !== sha256) throw damaged(path, 'other bytes than this page was built with')
  return bytes
}

const failed = (path: string, why: string, cause?: unknown): Text2LiveError =>
  new Text2LiveError(
    'DOWNLOAD_FAILED',
    `"${path}" could not be fetched: ${why}. Check the connection and fetch again; what has come already is kept.`,
    { cause },
  )

const damaged = (path: string, what: string): Text2LiveError =>
  new Text2LiveError(
    'MODEL_DAMAGED',
    `"${path}" came with ${what}, so it was not kept. Fetch again; where that does not help, reload the page, which may have been renewed.`,
  )
