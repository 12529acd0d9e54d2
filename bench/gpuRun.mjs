// Everything that `bench/gpu.sh run` measures, each part a process of its own with a time of its own: one that fails or
// is cut leaves the others alone, and its row says so. Results are written after each part. See docs/benchmarks.md.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { count, digits, median } from './measure.mjs'

const { values } = parseArgs({
  options: {
    results: { type: 'string', default: process.env.OUT ?? 'gpu-results' },
    swiftshader: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '470' },
    only: { type: 'string', multiple: true },
    python: { type: 'string', default: 'python3' },
  },
})
const seconds = count('seconds', values.seconds)
const began = performance.now()
const left = () => seconds - (performance.now() - began) / 1000
const tree = fileURLToPath(new URL('..', import.meta.url))
const results = resolve(values.results)
mkdirSync(results, { recursive: true })

const vulkan = findVulkan()
const env = { ...process.env, ...vulkan.variables, TEXT2LIVE_REQUIRE_WEBGPU: '1', NO_COLOR: '1' }
const soft = values.swiftshader
/** Names of adapters that are programs: what they take says nothing of a card. */
const software = /swiftshader|llvmpipe|lavapipe|softpipe|basic render/i

/**
 * What a software adapter manages in minutes, most of which are the compiler's: a small picture of one size, one view,
 * a CLIP of three layers, two steps.
 */
const small = {
  guidance: 'clip',
  geometry: {
    projection_dim: 16,
    vision_config: { hidden_size: 32, intermediate_size: 96, num_hidden_layers: 3, num_attention_heads: 2 },
    text_config: {
      hidden_size: 24,
      intermediate_size: 64,
      num_hidden_layers: 2,
      num_attention_heads: 3,
      vocab_size: 514,
    },
  },
  size: 192,
  views: 1,
  steps: 1,
  options: {
    generatorWidth: 8,
    generatorLevels: 4,
    relevancy: 'edges',
    cropsMinCover: 1,
    scaleMin: 1,
    scaleMax: 1,
    wholeImageEvery: 0,
  },
}
const fast = {
  guidance: 'starter',
  preset: 'fast',
  bootstrap: true,
  ...(soft ? small : { size: 512, views: 6, steps: 12 }),
}
const reference = {
  guidance: 'clip',
  preset: 'reference',
  bootstrap: false,
  ...(soft ? small : { size: 512, views: 16, steps: 8 }),
}
const published = join(tree, 'published/Text2LIVE')
/** Relative to a loss, or to 0.1 where it is smaller: what test/webgpu/twoSteps.test.ts allows. */
const allowed = { first: 1e-4, updated: 1e-2 }

const rows = []
let adapter = null
/** Why nothing is measured on the card; null where something is. */
let refused = null

/** In the order in which they run; `limit` in seconds, together less than eight minutes. */
const parts = [
  { name: 'adapter', limit: 20, run: adapterPart },
  { name: 'ops', limit: 70, card: true, run: (limit) => suite(['ops'], limit) },
  {
    name: 'fast, WebGPU',
    limit: soft ? 150 : 60,
    card: true,
    run: (limit) => stepsPart({ ...fast, device: 'webgpu' }, limit),
  },
  {
    name: 'reference, WebGPU',
    limit: soft ? 150 : 100,
    card: true,
    run: (limit) => stepsPart({ ...reference, device: 'webgpu' }, limit),
  },
  { name: 'published, CUDA', limit: 45, run: publishedPart },
  { name: 'fast, CPU', limit: 25, run: (limit) => stepsPart({ ...fast, take: 3, device: 'cpu' }, limit) },
  { name: 'reference, CPU', limit: 60, run: (limit) => stepsPart({ ...reference, take: 3, device: 'cpu' }, limit) },
  { name: 'fast, losses', limit: 1, card: true, run: () => parityPart('fast') },
  { name: 'reference, losses', limit: 1, card: true, run: () => parityPart('reference') },
  {
    name: 'steps',
    limit: 80,
    card: true,
    run: (limit) => suite(['transfer', 'stepGraphs', 'clipGraphs', 'twoSteps'], limit),
  },
]
for (const name of values.only ?? [])
  if (!parts.some((part) => part.name === name))
    throw new RangeError(`--only must be one of ${parts.map((part) => `"${part.name}"`).join(', ')}, it is "${name}"`)

function line({ part, outcome, result, took }) {
  return `${part}: ${outcome}; ${result}${took === undefined ? '' : ` (${digits(took, 1)} s)`}`
}

function write() {
  const about = {
    adapter,
    software: adapter !== null && software.test(adapter.name ?? ''),
    processor: `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}`,
    node: process.version,
    took: (performance.now() - began) / 1000,
  }
  writeFileSync(join(results, 'gpu.json'), `${JSON.stringify({ bench: 'gpu', ...about, rows }, null, 1)}\n`)
  const table = [
    ['part', 'outcome', 'result', 'took, s'],
    ['--', '--', '--', '--'],
    ...rows.map(({ part, outcome, result, took }) => [part, outcome, result.replaceAll('|', '/'), digits(took, 1)]),
  ]
  writeFileSync(
    join(results, 'gpu.txt'),
    `${about.processor}; Node ${about.node}; ${digits(about.took, 0)} s in all${about.software ? '; a software adapter: its times say nothing of a card' : ''}\n\n` +
      `${table.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`,
  )
}

/**
 * The carried loader where the machine has none, and the card's driver where it is in a place that no loader reads.
 * @returns {{ variables: Record<string, string>, looked: string }} `looked`: what there was, for a person
 */
function findVulkan() {
  const libraries = ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/lib64']
  const own = libraries.find((folder) => existsSync(join(folder, 'libvulkan.so.1')))
  const carried = existsSync(join(tree, 'lib/libvulkan.so.1')) ? join(tree, 'lib') : undefined
  const manifests = (folder) =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => name.endsWith('.json'))
          .map((name) => join(folder, name))
      : []
  const named = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES
  const read = ['/etc', '/usr/share', '/usr/local/share', '/usr/local/etc'].flatMap((folder) =>
    manifests(join(folder, 'vulkan/icd.d')),
  )
  // Where hosts of containers mount NVIDIA's driver.
  const mounted = manifests('/usr/local/nvidia/share/vulkan/icd.d')
  const takeMounted = named === undefined && mounted.length > 0 && !read.some((path) => /nvidia/i.test(path))
  const drivers = named === undefined ? (takeMounted ? mounted : read) : named.split(':')
  return {
    variables: {
      ...(own === undefined && carried !== undefined
        ? { LD_LIBRARY_PATH: [process.env.LD_LIBRARY_PATH, carried].filter(Boolean).join(':') }
        : {}),
      ...(takeMounted ? { VK_DRIVER_FILES: mounted.join(':') } : {}),
    },
    looked:
      `Vulkan loader ${own === undefined ? (carried === undefined ? 'missing' : 'carried') : `in ${own}`}, ` +
      `drivers ${drivers.length === 0 ? 'none' : drivers.join(', ')}`,
  }
}

/** NVIDIA's own word on the card, whatever Vulkan finds. */
async function cardOf() {
  try {
    const { status, stdout } = await program(
      'nvidia-smi',
      ['--query-gpu=name,driver_version', '--format=csv,noheader'],
      5,
    )
    return status === 0 ? `nvidia-smi: ${stdout.trim().replaceAll('\n', '; ')}` : 'nvidia-smi failed'
  } catch {
    return 'no nvidia-smi'
  }
}

/**
 * Runs a program until it ends or its seconds are over.
 * @returns {Promise<{ status: number | null, cut: boolean, stdout: string, stderr: string, lines: unknown[] }>} `lines`:
 *   those of stdout that are JSON
 */
function program(file, args, limit, more = {}) {
  return new Promise((done, fail) => {
    // A group of its own, so that what it started ends with it.
    const child = spawn(file, args, {
      cwd: tree,
      env: { ...env, ...more },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const texts = { stdout: '', stderr: '' }
    let cut = false
    const timer = setTimeout(() => {
      cut = true
      process.kill(-child.pid, 'SIGKILL')
    }, limit * 1000)
    for (const name of ['stdout', 'stderr'])
      child[name].setEncoding('utf8').on('data', (text) => {
        texts[name] += text
      })
    child.on('error', (error) => {
      clearTimeout(timer)
      fail(error)
    })
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      const lines = texts.stdout.split('\n').flatMap((text) => {
        try {
          return text.startsWith('{') ? [JSON.parse(text)] : []
        } catch {
          // The line at which the program was cut.
          return []
        }
      })
      done({ status: status ?? signal, cut, ...texts, lines })
    })
  })
}

const script = join(dirname(fileURLToPath(import.meta.url)), 'gpuProcess.mjs')
const measured = (what, request, limit, more) =>
  program(process.execPath, [script, what, JSON.stringify(request)], limit, more)

/** The last words of a program that failed. */
const lastWords = ({ status, stderr, stdout }) =>
  `ended with ${status}: ${(stderr || stdout)
    .split('\n')
    .map((text) => text.trim())
    .filter((text) => text !== '' && !/^(at |File "|Node\.js v|\^|\}|\{)/.test(text))
    .slice(-3)
    .join(' ')
    .slice(0, 400)}`

async function adapterPart(limit) {
  const done = await measured('adapter', {}, limit, { VK_LOADER_DEBUG: 'error,driver' })
  // What the Vulkan loader says of the device that the engine made.
  const [, name = null, driver = null] = /Using "(.+?)" with driver: "(.+?)"/.exec(done.stderr) ?? []
  const works = done.lines.some((told) => told.works === true)
  const half = done.lines.find((told) => 'halfPrecision' in told)
  adapter = works ? { name, driver, halfPrecision: half?.halfPrecision ?? null } : null
  if (!works) {
    const unloaded = [
      ...new Set(done.stderr.match(/libvulkan[^\n]*|Could not (?:get|find)[^\n]*|No supported adapters[^\n]*/g)),
    ]
    refused = 'no WebGPU adapter'
    const reason = unloaded.slice(0, 2).join('; ') || lastWords(done)
    return { outcome: 'failed', result: `no WebGPU adapter: ${reason}; ${vulkan.looked}; ${await cardOf()}` }
  }
  const shown = `${name ?? 'the Vulkan loader told no name'}${driver === null ? '' : `, ${driver}`}`
  const halves = half?.halfPrecision ? 'shader-f16 is offered' : `no shader-f16: ${half?.reason ?? 'cut'}`
  if (software.test(name ?? '') && !soft) {
    refused = 'a software adapter, and --swiftshader was not given'
    return { outcome: 'failed', result: `${shown} is a program, not a card; ${halves}` }
  }
  return { outcome: 'works', result: `${shown}; ${halves}; ${await cardOf()}`, adapter }
}

/** Files of test/webgpu, with the runner that they are written for. */
async function suite(files, limit) {
  const done = await program(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--reporter=verbose',
      ...files.map((name) => `test/webgpu/${name}.test.ts`),
    ],
    limit,
  )
  const of = (mark) => done.stdout.split('\n').filter((text) => text.trimStart().startsWith(mark)).length
  const [passed, failures] = [of('✓'), of('×')]
  const counts = `${passed} passed, ${failures} failed`
  if (done.cut) return { outcome: 'cut', result: `${counts} so far` }
  const failing = done.stdout.split('\n').filter((text) => text.trimStart().startsWith('×'))
  if (done.status !== 0 || failures > 0 || passed === 0)
    return {
      outcome: 'failed',
      result: `${counts}: ${failing.slice(0, 5).join(';').trim() || lastWords(done)}`,
      output: `${done.stdout}\n${done.stderr}`.slice(-20000),
    }
  return { outcome: 'passed', result: counts }
}

function ofRequest({ size, views, options }) {
  return `${size} px, ${views} views${options?.generatorWidth ? `, generator ${options.generatorWidth} wide, a tiny CLIP` : ''}`
}

async function stepsPart(request, limit) {
  const done = await measured('steps', { take: request.steps + 1, ...request, seconds: 0.8 * limit }, limit)
  const steps = done.lines.filter((told) => 'step' in told)
  if (!done.cut && done.status !== 0) return { outcome: 'failed', result: lastWords(done) }
  // The first makes the shaders, and the whole photo joins it.
  const later = steps.slice(1)
  const first = steps[0] === undefined ? 'no step was done' : `the first ${digits(steps[0].seconds)} s`
  const result =
    later.length === 0
      ? `${ofRequest(request)}: ${first}`
      : `${ofRequest(request)}: ${digits(median(later.map((s) => s.seconds - s.compileSeconds)), 3)} s a step, ` +
        `${digits(median(later.map((s) => s.seconds)), 3)} with compiling (median of ${later.length}); ${first}`
  return { outcome: done.cut ? 'cut' : 'done', result, steps, openSeconds: done.lines[0]?.openSeconds }
}

/** Every loss of the first two steps on WebGPU beside the CPU's, of the runs that were timed. */
function parityPart(preset) {
  const [found, expected] = ['WebGPU', 'CPU'].map(
    (device) => rows.find(({ part }) => part === `${preset}, ${device}`)?.steps ?? [],
  )
  const count = Math.min(found.length, expected.length, 2)
  if (count === 0) return { outcome: 'not run', result: 'no step was done on both' }
  const most = Array.from({ length: count }, (_, step) => {
    const differences = Object.entries(expected[step].losses).map(([name, wanted]) => ({
      name,
      wanted,
      found: found[step].losses[name],
      relative: Math.abs(found[step].losses[name] - wanted) / Math.max(Math.abs(wanted), 0.1),
    }))
    return { losses: differences.length, ...differences.sort((a, b) => b.relative - a.relative)[0] }
  })
  const holds = most.every(({ relative }, step) => relative <= (step === 0 ? allowed.first : allowed.updated))
  const shown = most.map(
    ({ relative, name }, step) =>
      `${step === 0 ? '' : 'after an update '}${relative.toExponential(1)} (${name}; allowed ${step === 0 ? allowed.first : allowed.updated})`,
  )
  return {
    outcome: holds ? (count === 2 ? 'holds' : 'holds, one step') : 'failed',
    result: `${most[0].losses} losses differ by at most ${shown.join(', ')}`,
    most,
  }
}

async function publishedPart(limit) {
  if (!existsSync(published)) return { outcome: 'not run', result: 'its checkout was not carried (pack --published)' }
  const { size, views } = reference
  const steps = soft ? 1 : 12
  const done = await program(
    values.python,
    [
      'scripts/publishedStep.py',
      ...['--text2live', published, '--madgrad', join(tree, 'published/madgrad')],
      ...['--size', String(size), '--views', String(views), '--steps', String(steps + 1), '--device', 'cuda'],
      ...['--threads', String(cpus().length)],
    ],
    limit,
  )
  if (done.cut) return { outcome: 'cut', result: 'it tells its steps at the end' }
  const told = done.lines.at(-1)
  if (done.status !== 0 || told === undefined) return { outcome: 'failed', result: lastWords(done) }
  return {
    outcome: 'done',
    result: `${size} px, ${views} views: ${digits(median(told.seconds.slice(1)), 3)} s a step (median of ${steps}), the first ${digits(told.seconds[0])} s; ${told.gpu}, PyTorch ${told.torch}, CLIP in half precision, at most ${told.gpu_gb} GB of the card`,
    ...told,
  }
}

for (const { name, limit, card = false, run } of parts) {
  // Without the adapter's name nobody knows what was measured.
  if (values.only !== undefined && name !== 'adapter' && !values.only.includes(name)) continue
  const time = Math.min(limit, left())
  if (card && refused !== null) rows.push({ part: name, outcome: 'not run', result: refused })
  else if (time < Math.min(limit, 5)) rows.push({ part: name, outcome: 'not run', result: 'no time was left' })
  else {
    const start = performance.now()
    let row
    try {
      row = await run(time)
    } catch (error) {
      row = { outcome: 'failed', result: String(error.message) }
    }
    rows.push({ part: name, ...row, took: (performance.now() - start) / 1000 })
  }
  write()
  console.error(line(rows.at(-1)))
}
console.log(readFileSync(join(results, 'gpu.txt'), 'utf8'))
process.exitCode = refused === null ? (rows.some(({ outcome }) => outcome === 'failed') ? 1 : 0) : 3
