import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../bench/gpu.sh', import.meta.url))
const most = 64 * 2 ** 20
/** All that the other machine is asked for. */
const tools = ['bash', 'cat', 'cmp', 'cp', 'gzip', 'ls', 'mkdir', 'rm', 'sha256sum', 'tar']

/** What `bench/gpu.sh pack` makes is all that its `run` has there. No card is looked for here. */
describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('the pack of bench/gpu.sh', () => {
  const folder = mkdtempSync(join(tmpdir(), 'text2live-gpu-'))
  const there = { home: join(folder, 'there'), bin: join(folder, 'bin'), results: join(folder, 'results') }
  const tree = join(there.home, 'tree')
  const pack = join(folder, 'pack')

  const call = (file: string, args: string[], env: NodeJS.ProcessEnv, cwd = folder) =>
    new Promise<{ status: unknown; text: string }>((resolve) => {
      execFile(file, args, { env, cwd }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : error.code, text: stdout + stderr })
      })
    })
  /** No Node in the path, no home, no driver. */
  const bare = { PATH: there.bin, TEXT2LIVE_GPU_HOME: there.home, VK_DRIVER_FILES: '/none', VK_ICD_FILENAMES: '/none' }
  const gpu = (...args: string[]) => call(join(there.bin, 'bash'), [script, ...args], bare)

  beforeAll(async () => {
    mkdirSync(there.bin)
    const path = (process.env['PATH'] ?? '').split(delimiter)
    for (const tool of tools) {
      const found = path.map((place) => join(place, tool)).find((file) => statSync(file, { throwIfNoEntry: false }))
      symlinkSync(found!, join(there.bin, tool))
    }
    const made = await call(script, ['pack', pack], { ...process.env, TEXT2LIVE_GPU_GZIP: '-1' })
    expect(made.status, made.text).toBe(0)
  }, 120_000)
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  it('has parts that can be carried one at a time', async () => {
    const parts = readdirSync(pack).sort()
    expect(parts.length).toBeGreaterThan(1)
    for (const part of parts) {
      const bytes = readdirSync(join(pack, part)).map((name) => statSync(join(pack, part, name)).size)
      expect(bytes.reduce((sum, size) => sum + size)).toBeLessThan(most)
    }
    await gpu('unpack', join(pack, parts[0]!))
    const early = await gpu('run')
    expect(early.status, early.text).toBe(2)
    expect(early.text).toContain('part-2')
    const rest = await gpu('unpack', ...parts.slice(1).map((part) => join(pack, part)))
    expect(rest.status, rest.text).toBe(0)
  })

  it('trains there with what it carries, and says that there is no card', async () => {
    const ran = await gpu('run', '--results', there.results, '--swiftshader', '--only', 'fast, CPU', '--only', 'ops')
    expect(ran.status, ran.text).toBe(3)
    const { rows, adapter } = JSON.parse(readFileSync(join(there.results, 'gpu.json'), 'utf8')) as {
      rows: { part: string; outcome: string; result: string; steps?: unknown[] }[]
      adapter: unknown
    }
    expect(adapter).toBeNull()
    expect(rows.map(({ part, outcome }) => [part, outcome])).toEqual([
      ['adapter', 'failed'],
      ['ops', 'not run'],
      ['fast, CPU', 'done'],
    ])
    expect(rows[2]!.steps).toHaveLength(3)
    expect(readFileSync(join(there.results, 'gpu.txt'), 'utf8')).toContain('no WebGPU adapter')
  })

  it('has the WebGPU suites with all that they import', async () => {
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=verbose', 'test/webgpu']
    const { status, text } = await call(join(tree, 'bin/node'), vitest, { ...bare, NO_COLOR: '1' }, tree)
    expect(status, text).toBe(0)
    // Without an adapter each is read, and passed over.
    for (const file of ['ops', 'stepGraphs', 'clipGraphs', 'transfer', 'twoSteps'])
      expect(text).toContain(`↓ test/webgpu/${file}.test.ts > `)
  })
})
