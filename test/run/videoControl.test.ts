import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { GivenVideoOptions } from '../../src/options/videoOptions.js'
import { RunControl } from '../../src/session/runControl.js'
import type { VideoEvent } from '../../src/session/videoEvents.js'
import { writeSlidingClip } from '../support/slidingAtlas.js'
import { computed, heldAt, job, moment, run } from './toyVideoRuns.js'

/** Made once: a clip, and its atlas. */
let home: string
/** Of one test. */
let work: string
const at = (...names: string[]): string => join(work, ...names)
const basics = (): GivenVideoOptions => ({
  clip: join(home, 'clip'),
  prompt: 'golden disc',
  source: 'disc',
  size: 0,
  seed: 3,
  steps: 4,
  bootstrapSteps: 4,
  previewEvery: 2,
  device: 'cpu',
  threads: 1,
  atlas: join(home, 'atlas.safetensors'),
  out: at('run'),
})

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-control-'))
  await writeSlidingClip(home)
})
afterAll(() => rmSync(home, { recursive: true, force: true }))
beforeEach(() => {
  work = mkdtempSync(join(home, 'work-'))
})

const told = (events: readonly VideoEvent[], ...types: VideoEvent['type'][]): VideoEvent[] =>
  events.filter(({ type }) => types.includes(type))

test('a run that is held goes on bit for bit: in the training, while frames are rendered, between stages', async () => {
  await run({ ...basics(), out: at('whole') })
  let kept = false
  const events = await heldAt(['stage-done atlas', 'step foreground 2', 'progress rendering'], basics(), 'edit', () => {
    kept ||= existsSync(at('run', 'checkpoints', 'training-foreground.safetensors'))
  })
  expect(kept).toBe(true)
  expect(told(events, 'paused', 'going-on')).toEqual(
    [
      { stage: 'training', layer: 'foreground' },
      { stage: 'training', layer: 'foreground', step: 2 },
      { stage: 'rendering' },
    ].flatMap((place) => [
      { type: 'paused', ...place },
      { type: 'going-on', ...place },
    ]),
  )
  expect(await computed(at('run'))).toEqual(await computed(at('whole')))
})

test('a run that is held hears what is asked while it makes a preview', async () => {
  const control = new RunControl()
  const { events } = await run(
    { ...basics(), previewEvery: 0 },
    'edit',
    {},
    (event) => {
      if (moment(event) === 'step foreground 2') control.pause()
      if (event.type === 'paused') control.preview()
      if (event.type === 'preview') control.go()
      return false
    },
    control,
  )
  expect(told(events, 'paused', 'preview', 'going-on', 'done').map(({ type }) => type)).toEqual([
    'paused',
    'preview',
    'going-on',
    'done',
  ])
})

test('other steps than planned leave the bits of a run planned with them, whatever layer is at work', async () => {
  const both = { ...basics(), layer: 'both' } as const
  await run({ ...both, steps: 6, out: at('six') })
  await run({ ...both, steps: 3, out: at('three') })
  const steered = async (out: string, when: string, steps: number): Promise<VideoEvent[]> => {
    const control = new RunControl()
    const { events, result } = await run(
      { ...both, out: at(out) },
      'edit',
      {},
      (event) => {
        if (moment(event) === when) control.continueTo(steps)
        return false
      },
      control,
    )
    expect(result).toMatchObject({ finished: true, settings: { steps } })
    return events
  }
  const more = await steered('more', 'step background 2', 6)
  expect(told(more, 'steps')).toEqual([{ type: 'steps', steps: 6 }])
  // The foreground was done with four, and is taken up again.
  expect(told(more, 'resumed')).toMatchObject([{ layer: 'foreground', done: 4, total: 6 }])
  const less = await steered('less', 'step foreground 1', 3)
  expect(told(less, 'steps')).toEqual([{ type: 'steps', steps: 3 }])
  const late = await steered('late', 'progress metrics', 6)
  expect(told(late, 'stage-done').map(moment).slice(-2)).toEqual(['stage-done rendering', 'stage-done metrics'])
  for (const [name, planned] of [
    ['more', 'six'],
    ['less', 'three'],
    ['late', 'six'],
  ] as const)
    expect(pictures(await computed(at(name))), name).toEqual(pictures(await computed(at(planned))))
  expect(readFileSync(at('more', 'config.yaml'), 'utf8')).toBe(readFileSync(at('six', 'config.yaml'), 'utf8'))
})

/** Without the previews that a run planned otherwise makes at other steps, and the order of the steps. */
function pictures(all: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => !name.startsWith('previews') && !/^(steps|losses\.svg)$/.test(name)),
  )
}

test('a finished run that is resumed goes on to the steps that are asked of its control', async () => {
  await run({ ...basics(), steps: 6, out: at('six') })
  await run(basics())
  const control = new RunControl()
  control.continueTo(6)
  const { events } = await job({ kind: 'resume', run: at('run'), options: {} }, {}, undefined, control)
  expect(told(events, 'step').map(moment)).toEqual(['step foreground 5', 'step foreground 6'])
  expect(pictures(await computed(at('run')))).toEqual(pictures(await computed(at('six'))))
})

test('a preview is made when it is asked for: after the step at hand, of a held run at once', async () => {
  const control = new RunControl()
  const { events } = await run(
    { ...basics(), previewEvery: 0 },
    'edit',
    {},
    (event) => {
      // Nothing is trained yet: it waits.
      if (moment(event) === 'stage-done atlas') control.preview()
      if (moment(event) === 'step foreground 2') control.pause()
      if (event.type === 'paused') setTimeout(() => control.preview(), 20)
      if (event.type === 'preview' && event.step === 2) {
        control.setMask(null)
        control.go()
      }
      return false
    },
    control,
  )
  const previews = told(events, 'preview', 'paused', 'going-on').map((event) => [
    event.type,
    'step' in event ? event.step : null,
  ])
  expect(previews).toEqual([
    ['preview', 0],
    ['paused', 2],
    ['preview', 2],
    ['going-on', 2],
  ])
  expect(existsSync(at('run', 'previews', 'foreground-step-000002.png'))).toBe(true)
  expect(told(events, 'warning')).toContainEqual({
    type: 'warning',
    message: expect.stringContaining('The mask stays') as string,
  })
})
