import { expect, test } from 'vitest'
import type { RunEvent, StepEvent } from '../session/events.js'
import { Text2LiveError } from '../errors.js'
import { displayWidth } from './displayWidth.js'
import { lineReporter } from './lineReporter.js'
import { errorText } from './errorText.js'
import { safeOutput } from './safeOutput.js'
import { duration, jsonReporter, shellWord, stepLine, textReporter } from './reporters.js'

const step = (n: number, steps = 150): StepEvent => ({
  type: 'step',
  step: n,
  steps,
  losses: { total: 1.23456, composition: 0.5, sparsity: 0.0123 },
  learningRate: 0.0025,
  seconds: 0.61,
  secondsLeft: 70,
  memory: 812e6,
  device: 'cpu',
})

function reported(events: RunEvent[], make: typeof textReporter, isTTY: boolean): string {
  let text = ''
  const reporter = make({
    isTTY,
    columns: 60,
    write: (part: string) => {
      text += part
    },
  })
  for (const event of events) reporter.report(event)
  reporter.end()
  return text
}

test('a step line has step, losses, time left, memory and device', () => {
  expect(stepLine(step(12))).toBe(
    'step 12/150  loss 1.235 (composition 0.500, sparsity 0.0123)  1m 10s left  0.61 s/step  812 MB  cpu',
  )
})

test('plain lines are about fifty, the first and the last among them', () => {
  const lines = reported(
    Array.from({ length: 150 }, (_, i) => step(i + 1)),
    textReporter,
    false,
  )
    .trim()
    .split('\n')
  expect(lines.length).toBeGreaterThan(40)
  expect(lines.length).toBeLessThan(60)
  expect(lines.at(0)).toMatch(/^step 1\/150 /)
  expect(lines.at(-1)).toMatch(/^step 150\/150 /)
})

test('notes and warnings are told once, steps and files as often as they come', () => {
  const note = { type: 'note', message: 'seed: 7, drawn' } as const
  const warning = { type: 'warning', message: 'seed: 7, drawn' } as const
  const output = { type: 'output', name: 'edit.png', path: 'runs/a/edit.png', bytes: 1 } as const
  expect(reported([note, warning, output, note, warning, output], textReporter, false)).toBe(
    'note: seed: 7, drawn\nwarning: seed: 7, drawn\nwrote runs/a/edit.png\nwrote runs/a/edit.png\n',
  )
})

test('of two runs at once, whose steps come in turn, each is told as often as if it were alone', () => {
  const steps = Array.from({ length: 150 }, (_, i) => ['a', 'b'].map((of) => ({ of, step: i + 1 }))).flat()
  let text = ''
  const reporter = lineReporter<{ of: string; step: number }>(
    { write: (part: string) => (text += part) },
    {
      live: ({ of, step }) => ({ line: `${of} ${step}`, done: step, total: 150, of, lines: 5 }),
      describe: () => null,
    },
  )
  for (const each of steps) reporter.report(each)
  const lines = text.trim().split('\n')
  expect(lines.filter((line) => line.startsWith('a'))).toEqual(['a 1', 'a 31', 'a 61', 'a 91', 'a 121', 'a 150'])
  expect(lines).toHaveLength(12)
})

test('on a terminal one line is written over and never wider than the terminal', () => {
  const text = reported([step(1), step(2), { type: 'note', message: 'x' }, step(150)], textReporter, true)
  expect(text.split('\n')).toHaveLength(3)
  for (const line of text.split(/\r\u001b\[K|\n/)) expect(line.length).toBeLessThan(60)
})

test.each([20, 40, 60, 200, 0])('no progress line reaches the end of a terminal of %i columns', (columns) => {
  let text = ''
  const reporter = textReporter({ isTTY: true, columns, write: (part: string) => (text += part) })
  reporter.report(step(12))
  reporter.report({
    type: 'model-download',
    model: '\u6a21\u578b/\u{1f9a2}'.repeat(20),
    file: 'model.safetensors',
    bytes: 1e6,
    total: 9e6,
    secondsLeft: 3,
  })
  const lines = text.split('\r\u001b[K').filter((line) => line !== '')
  expect(lines).toHaveLength(2)
  for (const line of lines) expect(displayWidth(line)).toBeLessThan(columns || 80)
  expect(lines[0]).toContain(columns < 48 && columns > 0 ? 'step 12/150' : '] step 12/150')
  expect(lines[0]!.startsWith('[')).toBe(columns >= 48 || columns === 0)
  expect(text.replaceAll('\r\u001b[K', '')).not.toContain('\u001b')
})

test('a download is one line on a terminal, and a line for each tenth of it elsewhere', () => {
  const at = (bytes: number): RunEvent => ({
    type: 'model-download',
    model: 'a/clip',
    file: 'model.safetensors',
    bytes: bytes * 1e6,
    total: 605e6,
    secondsLeft: bytes === 0 ? null : (605 - bytes) / 5,
  })
  const events = Array.from({ length: 122 }, (_, i) => at(5 * i))
  expect(reported(events, textReporter, true).split('\n')).toHaveLength(2)
  const lines = reported(events, textReporter, false).trim().split('\n')
  expect(lines).toHaveLength(11)
  expect(lines[1]).toBe('a/clip  65 of 605 MB  1m 48s left  model.safetensors')
  expect(lines.at(-1)).toBe('a/clip  605 of 605 MB')
})

test('NDJSON is one object a line, without the bytes of a preview', () => {
  const lines = reported(
    [step(1), { type: 'preview', step: 1, path: 'p.png', png: new Uint8Array(9) }],
    jsonReporter,
    false,
  )
    .trim()
    .split('\n')
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    step(1),
    { type: 'preview', step: 1, path: 'p.png' },
  ])
})

test('says how to go on after an interruption, in words a shell takes', () => {
  const text = reported(
    [{ type: 'interrupted', step: 3, steps: 9, seconds: 1, folder: 'my runs/a' }],
    textReporter,
    false,
  )
  expect(text).toBe(
    "stopped after step 3 of 9; the outputs show that state.\nTo go on: text2live image --resume 'my runs/a'\n",
  )
  expect(shellWord("it's")).toBe("'it'\\''s'")
})

test('durations', () => {
  expect([0, 59.4, 60, 200, 3600, 3909].map(duration)).toEqual(['0s', '59s', '1m 00s', '3m 20s', '1h 00m', '1h 05m'])
})

test('an error is a wrapped paragraph; an excerpt keeps its lines; a trace only for debugging', () => {
  const error = new Text2LiveError('CONFIG_INVALID', `${'word '.repeat(30)}at line 2:\n  a: [  b\n     ^\nCorrect it.`)
  const text = errorText(error, 80, false)
  expect(text.split('\n').every((line) => line.length <= 80)).toBe(true)
  expect(text).toContain('\n  a: [  b\n     ^\nCorrect it.\n')
  expect(text).not.toContain('reporters.test')
  expect(errorText(error, 80, true)).toContain('reporters.test')
  expect(errorText(new TypeError('odd'), 200, false)).toMatch(
    /^error INTERNAL: Something went wrong that should not: odd\./,
  )
})

const hostile = 'a\u001b[2J\u001b]0;owned\u0007\u009b31m\r\u202eb'
const raw = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/

test('names and messages of any origin bring no control character to a terminal, a log or JSON', () => {
  const events: RunEvent[] = [
    { type: 'note', message: hostile },
    { type: 'output', name: 'edit', path: hostile, bytes: 1 },
    { type: 'model-download', model: hostile, file: hostile, bytes: 1, total: 9, secondsLeft: null },
  ]
  expect(reported(events, textReporter, false)).not.toMatch(raw)
  expect(reported(events, textReporter, true).replaceAll('\r\u001b[K', '')).not.toMatch(raw)
  const json = reported(events, jsonReporter, false)
  expect(json).not.toMatch(raw)
  expect(
    json
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual(events)
})

test('an output for text of any origin lets none through but our own codes', () => {
  let text = ''
  const output = safeOutput({
    isTTY: true,
    columns: 60,
    write: (part: string) => {
      text += part
    },
  })
  output.write(`${hostile}\n`)
  expect(text).toBe('a\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\x0d\\u202eb\n')
  text = ''
  const reporter = textReporter(output)
  reporter.report(step(1))
  reporter.report({ type: 'note', message: '\r\u001b[Kwrote all' })
  expect(text.split('\r\u001b[K')).toHaveLength(3)
  expect(text).toContain('note: \\x0d\\x1b[Kwrote all\n')
})

test('an unexpected error and its trace are as safe, and bounded', () => {
  const text = errorText(new TypeError(hostile.repeat(100_000), { cause: new Error(hostile) }), 80, true)
  expect(text).not.toMatch(raw)
  expect(text.length).toBeLessThan(60_000)
})
