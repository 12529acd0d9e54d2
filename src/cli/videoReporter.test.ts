import { expect, test } from 'vitest'
import type { VideoEvent } from '../session/videoEvents.js'
import { videoReporter } from './videoReporter.js'

function reported(events: readonly VideoEvent[], isTTY = false): string {
  let text = ''
  const reporter = videoReporter({
    isTTY,
    columns: 80,
    write: (part: string) => {
      text += part
    },
  })
  for (const event of events) reporter.report(event)
  return text
}

test('each stage is told with what it counts, its time and its memory', () => {
  expect(
    reported([
      { type: 'stage-start', stage: 'training', layer: 'foreground' },
      { type: 'stage-start', stage: 'flow' },
      { type: 'progress', stage: 'flow', done: 1, total: 2, secondsLeft: null },
      { type: 'progress', stage: 'atlas', done: 3, total: 4, secondsLeft: 70, detail: { psnr: 29.27 } },
      { type: 'stage-done', stage: 'atlas', seconds: 200, peakMemory: 344e6 },
      { type: 'stage-done', stage: 'masks', seconds: 0.2, peakMemory: 1 },
    ]),
  ).toBe(
    [
      'training the edit of the foreground',
      'optical flow',
      'optical flow: pair 1/2',
      'fitting the layered atlas: part 3/4  psnr 29.3  1m 10s left',
      'fitting the layered atlas: 3m 20s, at most 344 MB',
      '',
    ].join('\n'),
  )
})

test('says how to go on after an interruption, in words a shell takes', () => {
  expect(reported([{ type: 'interrupted', stage: 'atlas', seconds: 1, folder: 'my runs/a' }])).toBe(
    "stopped (fitting the layered atlas); what was reached is kept.\nTo go on: text2live video --resume 'my runs/a'\n",
  )
})

test('progress is about ten lines a stage where lines are not written over', () => {
  const lines = reported(
    Array.from(
      { length: 200 },
      (_, i) => ({ type: 'progress', stage: 'rendering', done: i + 1, total: 200, secondsLeft: 1 }) as const,
    ),
  )
    .trim()
    .split('\n')
  expect(lines.length).toBeGreaterThan(8)
  expect(lines.length).toBeLessThan(14)
})

test('reading a clip is one line on a terminal, and about ten elsewhere, also where the file does not say how many frames it has', () => {
  const known = Array.from(
    { length: 301 },
    (_, done) => ({ type: 'progress', stage: 'clip', done, total: 300, secondsLeft: null }) as const,
  )
  const unknown = [
    ...Array.from({ length: 300 }, (_, done) => ({ ...known[0]!, done, total: done + 1 })),
    known.at(-1)!,
  ]
  for (const events of [known, unknown]) {
    const terminal = reported(events, true).split('\n')
    expect(terminal).toHaveLength(2)
    expect(terminal[0]!.split('\r\u001b[K').at(-1)).toBe('[####################] reading the clip: frame 300/300')
    expect(reported(events).trim().split('\n').length).toBeLessThan(50)
  }
  expect(reported(known).trim().split('\n').length).toBeLessThan(14)
})
