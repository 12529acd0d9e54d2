// The files of the tree that `bench/gpu.sh run` needs, one a line: what is measured as it was built, the WebGPU suites
// with their sources, and the packages of both.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Files below a folder of the tree that `wanted` takes, by their paths in the tree. */
const below = (folder, wanted = () => true) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter(wanted)

/** The installed folder of a package as a package sees it, in the tree; null where it is not installed. */
function installed(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name)
    if (existsSync(join(found, 'package.json'))) return found
    if (folder === root || folder === dirname(folder)) return null
  }
}

/** The packages and all that they depend on. */
function packages(names) {
  const found = new Set()
  const take = (name, from, optional) => {
    const folder = installed(name, from)
    if (folder === null) {
      if (optional) return
      throw new Error(`${name} is not installed: npm ci`)
    }
    if (found.has(folder)) return
    found.add(folder)
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    )
    for (const other of Object.keys(dependencies)) take(other, folder, other in optionalDependencies)
    for (const other of Object.keys(optionalDependencies)) take(other, folder, true)
  }
  for (const name of names) take(name, resolve(root), false)
  return [...found].map((folder) => relative(root, folder))
}

/** Packages of the program that no step needs. */
const leftOut = new Set(['onnxruntime-web', 'sharp', 'mediabunny', 'hono', '@hono/node-server'])
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const needed = packages([...Object.keys(dependencies).filter((name) => !leftOut.has(name)), 'vitest', 'fast-check'])

if (!existsSync(join(root, 'dist/engine/runtime.js')))
  throw new Error('the program is not built: npm run build, then pack again')

const ort = 'node_modules/onnxruntime-node/bin/'
/** Of a package: what runs, on Linux x64. Nested packages are listed by themselves. */
const runs = (folder) => (path) =>
  !path.slice(folder.length + 1).includes('node_modules/') &&
  !/\.(map|md|markdown|d\.ts|d\.cts|d\.mts|ts|cts|mts)$/.test(path) &&
  (!path.startsWith(ort) || /\/linux\/x64\//.test(path))

const files = [
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
  'scripts/publishedStep.py',
  ...below('bench', (path) => path.endsWith('.mjs')),
  ...below('dist', (path) => path.endsWith('.js') && !/^dist\/(studio|bundle)\//.test(path)),
  ...below('src', (path) => /\.tsx?$/.test(path) && !/\.test\.ts$|^src\/studio\//.test(path)),
  ...['test/webgpu', 'test/ops', 'test/support'].flatMap((folder) => below(folder)),
  ...below('test/fixtures', (path) => /^test\/fixtures\/(ops|fastAtlas|tinyClip\/)/.test(path)),
  ...['models/outline', 'models/start', 'models/starter', 'models/clip-bpe'].flatMap((folder) =>
    below(folder, (path) => !/README|SUMS|fixtures/.test(path)),
  ),
  ...needed.flatMap((folder) => below(folder, runs(folder))),
]
if (!files.some((path) => path.startsWith(ort)))
  throw new Error('onnxruntime-node has no library for Linux x64 here: pack on such a machine')
for (const file of files) if (!statSync(join(root, file)).isFile()) throw new Error(`${file} is no file`)
console.log([...new Set(files)].join('\n'))
