import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { Text2LiveError } from '../errors.js'

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Its name has a hash in it, so it never changes. */
  readonly lasting: boolean
}

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json',
  webmanifest: 'application/manifest+json',
  svg: 'image/svg+xml',
  png: 'image/png',
  jpg: 'image/jpeg',
  webp: 'image/webp',
  woff2: 'font/woff2',
  wasm: 'application/wasm',
  md: 'text/plain; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
}

/**
 * The files of the built page by their path below the server's root. They are read once: no request leads to the file
 * system, whatever its path is.
 * @throws INTERNAL where the page was not built
 */
export async function readPage(folder: string): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>()
  const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of names) {
    const type = types[entry.name.slice(entry.name.lastIndexOf('.') + 1)]
    if (!entry.isFile() || type === undefined) continue
    const path = join(entry.parentPath, entry.name)
    const name = path.slice(folder.length).split(sep).join('/').replace(/^\/*/, '/')
    files.set(name, { type, bytes: new Uint8Array(await readFile(path)), lasting: name.startsWith('/assets/') })
  }
  const index = files.get('/index.html')
  if (index === undefined)
    throw new Text2LiveError(
      'INTERNAL',
      `The studio's page should be in "${folder}", and it is not. In a clone, run: npm run build`,
    )
  return files.set('/', index)
}
