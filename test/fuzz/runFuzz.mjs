// Has damaged files read by processes of their own, and tells which of them broke the law: every file is read or
// refused with a code, in bounded time and memory.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const child = fileURLToPath(new URL('child.mjs', import.meta.url))
/** Milliseconds without progress after which the process is ended: more than a file may take. */
const stuck = 40_000

/**
 * @param {{ seed: number, work: readonly { name: string, from: number, to: number }[] }} options
 * @returns {Promise<{ reader: string | null, number: number, problem: string }[]>}
 */
export async function runFuzz({ seed, work }) {
  const failures = []
  for (let left = work; left.length > 0;) {
    const { found, rest } = await runChild(seed, left)
    failures.push(...found)
    left = rest
  }
  return failures
}

async function runChild(seed, work) {
  const folder = mkdtempSync(join(tmpdir(), 'text2live-fuzz-report-'))
  const read = (name) => {
    try {
      return readFileSync(join(folder, name), 'utf8')
    } catch {
      return ''
    }
  }
  const at = () => {
    try {
      return JSON.parse(read('progress').split('\n')[0])
    } catch {
      return null
    }
  }
  try {
    const { problem, printed } = await new Promise((resolve, reject) => {
      const started = spawn(
        process.execPath,
        ['--max-old-space-size=1500', child, folder, String(seed), JSON.stringify(work)],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      )
      let printed = ''
      for (const stream of [started.stdout, started.stderr])
        stream.on('data', (part) => {
          printed = `${printed}${part}`.slice(-20_000)
        })
      let last = { text: '', since: performance.now() }
      let reason = null
      const watch = setInterval(() => {
        const text = read('progress')
        if (text !== last.text) last = { text, since: performance.now() }
        if (performance.now() - last.since < stuck) return
        reason = `made no progress for ${stuck / 1000} s`
        started.kill('SIGKILL')
      }, 500)
      started.once('error', reject)
      started.once('close', (code, signal) => {
        clearInterval(watch)
        resolve({
          printed,
          problem: code === 0 ? null : (reason ?? `ended the process (${signal ?? `status ${code}`})`),
        })
      })
    })
    const file = at()
    const found = read('failures')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
    // Libraries must not print what a file says.
    if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(printed))
      found.push({ reader: null, number: 0, problem: `printed control characters: ${JSON.stringify(printed)}` })
    if (problem === null) return { found, rest: [] }
    if (file === null) throw new Error(`the process that reads damaged files did not start: ${printed}`)
    found.push({ ...file, problem: `${problem}: ${JSON.stringify(printed.slice(-2000))}` })
    const index = work.findIndex(({ name }) => name === file.reader)
    const rest = [{ ...work[index], from: file.number + 1 }, ...work.slice(index + 1)].filter(
      ({ from, to }) => from < to,
    )
    return { found, rest }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
