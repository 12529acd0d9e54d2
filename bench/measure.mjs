// What the benchmarks share: child processes with their peak memory, medians, tables.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { heapOf } from '../dist/run/forkProcess.js'
import { watchMemory } from './watchMemory.mjs'

export const root = fileURLToPath(new URL('..', import.meta.url))
export const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

const preload = new URL('./reportPeak.mjs', import.meta.url).href

/** Arguments that make a Node process tell its peak memory on file descriptor 3 when it ends. */
export const peakArguments = ['--import', preload]

/**
 * Runs a command to its end. `peak` is in bytes: of the process, and of it with those it made (training is in one) at
 * one moment; `peakBytes` is the latter, null where the process did not tell its own.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, shell?: boolean, onLine?: (line: string, child: import('node:child_process').ChildProcess,
 *   watch: ReturnType<typeof watchMemory>) => void }} [options]
 * @returns {Promise<{ status: number | null, seconds: number, stdout: string, stderr: string, peakBytes: number | null,
 *   peak: { own: number, together: number } }>}
 */
export function runProcess(file, args, { cwd = root, env, shell = false, onLine } = {}) {
  const start = performance.now()
  const child = spawn(file, args, { cwd, env, shell, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  const watch = watchMemory(child.pid)
  const texts = { stdout: '', stderr: '', peak: '' }
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    texts.stdout += text
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) onLine?.(line, child, watch)
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    texts.stderr += text
  })
  child.stdio[3]
    .setEncoding('utf8')
    .on('data', (text) => {
      texts.peak += text
    })
    .on('error', () => undefined)
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      watch.stop()
      reject(error)
    })
    child.on('close', (status) => {
      watch.stop()
      const own = Math.max(watch.peak.own, Number(texts.peak))
      const peak = { own, together: Math.max(watch.peak.together, own) }
      resolve({
        status,
        seconds: (performance.now() - start) / 1000,
        stdout: texts.stdout,
        stderr: texts.stderr,
        peakBytes: texts.peak === '' ? null : peak.together,
        peak,
      })
    })
  })
}

/** A child process that prints one line of JSON at its end; one of ours has its memory as the process of a run. */
export async function runForJson(file, args) {
  const env = file === process.execPath ? { ...heapOf(process.env), ...process.env } : process.env
  const { status, stdout, stderr, peakBytes } = await runProcess(file, args, { env })
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} ended with status ${status}:\n${stderr || stdout}`)
  return { result: JSON.parse(stdout.trim().split('\n').at(-1)), peakBytes }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Seconds or gigabytes for a person. */
export const digits = (value, places = 2) => (value === null || value === undefined ? '-' : value.toFixed(places))

/** Prints rows of cells as aligned columns, the first row as the heading. */
export function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)))
  for (const [index, row] of rows.entries()) {
    console.log(
      row
        .map((cell, column) => (column === 0 ? String(cell).padEnd(widths[0]) : String(cell).padStart(widths[column])))
        .join('  ')
        .trimEnd(),
    )
    if (index === 0) console.log(widths.map((width) => '-'.repeat(width)).join('  '))
  }
}

/** The value of `parseArgs` as a whole number above 0. */
export function count(name, text) {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new RangeError(`--${name} must be a whole number above 0, got "${text}"`)
}
