import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SiteFile } from '../../src/studio/hosts/siteFile.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A file of the site and where it is taken from. */
export interface SourcedFile {
  readonly file: SiteFile
  readonly from: string
}

/** What the page reads of the models that the program carries; the rest is for people and for tests. */
const models = ['starter', 'outline', 'start']
const isRead = (name: string): boolean => /\.(json|safetensors)$/.test(name) && name !== 'fixtures.safetensors'

/** Engines: `onnxruntime-web/wasm` loads the first, `onnxruntime-web/webgpu` the second. */
const engines = [
  { name: 'ort-wasm-simd-threaded', part: 'engine' },
  { name: 'ort-wasm-simd-threaded.asyncify', part: 'webgpu' },
] as const

const engineFolder = join(root, 'node_modules/onnxruntime-web/dist')

/** Small scripts that load the engines; they belong to the shell. */
export const engineLoaders = engines.map(({ name }) => ({
  // Not .mjs, which many static hosts do not serve as a script.
  path: `ort/${name}.js`,
  from: join(engineFolder, `${name}.mjs`),
}))

/** All that the page fetches when a person says so, with its size and hash. */
export async function siteFileList(): Promise<SourcedFile[]> {
  const listed: SourcedFile[] = []
  for (const model of models) {
    const folder = join(root, 'models', model)
    for (const name of (await readdir(folder)).filter(isRead).sort())
      listed.push(await described(join(folder, name), `models/${model}/${name}`, 'models'))
  }
  for (const { name, part } of engines) {
    const from = join(engineFolder, `${name}.wasm`)
    listed.push(await described(from, `ort/${basename(from)}`, part))
  }
  return listed
}

async function described(from: string, path: string, part: SiteFile['part']): Promise<SourcedFile> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(from)) hash.update(piece as Buffer)
  return { from, file: { path, bytes: (await stat(from)).size, sha256: hash.digest('hex'), part } }
}
