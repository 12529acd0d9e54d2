// Proves the layers: imports go downward only, the core runs without Node, and no import goes in a circle.
// Usage: node scripts/checkLayers.mjs [source folder, default src]
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, posix, relative, resolve, sep } from 'node:path'

/** What each layer may import besides itself. */
const layers = {
  cli: [
    'batch',
    'serve',
    'queue',
    'run',
    'session',
    'method',
    'atlas',
    'models',
    'engine',
    'media',
    'formats',
    'options',
    'errors',
    'printable',
    'pathHint',
  ],
  batch: ['run', 'session', 'models', 'media', 'options', 'errors', 'printable', 'pathHint'],
  run: [
    'session',
    'method',
    'atlas',
    'models',
    'engine',
    'media',
    'formats',
    'options',
    'errors',
    'printable',
    'pathHint',
  ],
  queue: ['batch', 'run', 'session', 'models', 'media', 'options', 'errors', 'printable', 'pathHint'],
  serve: ['queue', 'run', 'session', 'models', 'media', 'options', 'errors', 'printable', 'pathHint'],
  studio: ['session', 'method', 'atlas', 'models', 'engine', 'media', 'options', 'errors', 'printable', 'pathHint'],
  session: ['method', 'atlas', 'models', 'engine', 'media', 'formats', 'options', 'errors', 'printable', 'pathHint'],
  method: ['atlas', 'models', 'engine', 'media', 'formats', 'options', 'errors', 'printable'],
  atlas: ['models', 'engine', 'media', 'formats', 'options', 'errors', 'printable'],
  models: ['engine', 'media', 'formats', 'errors', 'printable', 'pathHint'],
  engine: ['errors', 'printable'],
  media: ['errors', 'printable', 'pathHint'],
  formats: ['errors', 'printable'],
  options: ['errors', 'printable', 'pathHint'],
  errorGuide: ['errors'],
  errors: ['printable'],
  printable: [],
  pathHint: [],
}

/** Layers that run in the browser too, except in their `node` folders. */
const core = [
  'studio',
  'session',
  'method',
  'atlas',
  'models',
  'engine',
  'media',
  'formats',
  'options',
  'errors',
  'printable',
  'pathHint',
]

/** What the entries of the package may import. Nothing may import an entry. */
const entries = { index: Object.keys(layers), core }

/** Packages that the core may import: each of them runs in a browser. */
const browserPackages = [
  'onnxruntime-common',
  'protobufjs',
  '@huggingface/tokenizers',
  'zod',
  'yaml',
  'fastest-levenshtein',
  'fflate',
  'entities',
  'ftfy-js',
  'mediabunny',
  '@noble/hashes',
  'fast-png',
  'preact',
  '@preact/signals',
  'uplot',
  'perfect-freehand',
  'idb-keyval',
  'onnxruntime-web',
]

const root = resolve(process.argv[2] ?? 'src')
const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.[tj]sx?$/.test(entry.name) && !/\.(test|d)\.ts$/.test(entry.name))
  .map((entry) =>
    relative(root, join(entry.parentPath ?? entry.path, entry.name))
      .split(sep)
      .join('/'),
  )
const present = new Set(files)
const problems = []
const graph = new Map()

for (const file of files) {
  const code = readFileSync(join(root, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
  const imports = importsOf(code)
  graph.set(
    file,
    imports
      .filter((name) => name.startsWith('.'))
      .map((name) => resolveImport(file, name))
      .filter(Boolean),
  )
  for (const name of [...imports, ...startedFiles(code)]) check(file, name)
}
for (const circle of findCircles(graph)) problems.push(`imports go in a circle: ${circle.join(' -> ')}`)

if (files.length === 0) problems.push(`no TypeScript file in ${root}`)
for (const problem of problems) console.error(`layers: ${problem}`)
if (problems.length > 0) process.exit(1)
console.log(`layers: ${files.length} files, imports go downward only`)

/** Module names of static, re-exporting and dynamic imports. */
function importsOf(code) {
  const forms = [
    /\b(?:import|export)\b[^'"();]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
  ]
  return forms.flatMap((form) => [...code.matchAll(form)].map((match) => match[1]))
}

/** Files that are started as a worker or a process: layers hold for them, but they are not imported. */
function startedFiles(code) {
  return [...code.matchAll(/new URL\(\s*['"](\.[^'"]+\.js)['"]\s*,\s*import\.meta\.url/g)].map((match) => match[1])
}

function resolveImport(file, name) {
  // Styles and pictures are no part of any layer.
  if (/\.(css|jpg)$/.test(name)) return null
  const target = posix.join(dirname(file), name)
  const source = [target.replace(/\.js$/, '.ts'), target.replace(/\.js$/, '.tsx'), target].find((path) =>
    present.has(path),
  )
  if (source) return source
  problems.push(`${file} imports ${name}, which is no file of the sources`)
  return null
}

function check(file, name) {
  const from = layerOf(file)
  const isCore = (core.includes(from) || from === 'core') && !inNodeFolder(file)
  if (!name.startsWith('.')) {
    const bare = name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : name.split('/')[0]
    if (isCore && !browserPackages.includes(bare))
      problems.push(`${file} imports ${name}: the core must run in a browser`)
    return
  }
  if (/\.(css|jpg)$/.test(name)) return
  const target = posix.join(dirname(file), name).replace(/\.js$/, '.ts')
  const to = layerOf(target)
  const allowed = layers[from] ?? entries[from]
  if (!allowed) problems.push(`${file} belongs to no layer: say in scripts/checkLayers.mjs what ${from} may import`)
  else if (!(to in layers))
    problems.push(`${file} imports ${target}: an entry is for users of the package, not for its insides`)
  else if (from !== to && !allowed.includes(to))
    problems.push(`${file} imports ${target}: ${from} may not import ${to}`)
  if (isCore && inNodeFolder(target)) problems.push(`${file} imports ${target}: the core must run in a browser`)
}

function layerOf(file) {
  return file.split('/')[0].replace(/\.[tj]sx?$/, '')
}

function inNodeFolder(file) {
  return file.split('/').slice(1, -1).includes('node')
}

/** Every circle once, by depth-first search. */
function findCircles(edges) {
  const state = new Map()
  const circles = []
  const path = []
  const visit = (file) => {
    state.set(file, 'open')
    path.push(file)
    for (const next of edges.get(file) ?? []) {
      if (state.get(next) === 'open') circles.push([...path.slice(path.indexOf(next)), next])
      else if (!state.has(next)) visit(next)
    }
    path.pop()
    state.set(file, 'done')
  }
  for (const file of edges.keys()) if (!state.has(file)) visit(file)
  return circles
}
