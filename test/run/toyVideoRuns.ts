import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { readClip } from '../../src/media/node/readClip.js'
import { readLog } from '../../src/run/eventLog.js'
import { runVideoJob } from '../../src/run/video/runVideoJob.js'
import type { GivenVideoOptions } from '../../src/options/videoOptions.js'
import { videoJobOf, type ClipJob } from '../../src/run/video/videoJob.js'
import { interrupted } from '../../src/session/interrupted.js'
import { RunControl } from '../../src/session/runControl.js'
import type { VideoEvent } from '../../src/session/videoEvents.js'
import { toyVideoTrainer } from './toyVideo.mjs'

type Toy = Parameters<typeof toyVideoTrainer>[0]

/** Begins or continues a run with the toy trainer; `stopAt` stops it at the first event that it holds for. */
export async function run(
  options: Parameters<typeof videoJobOf>[0],
  goal: 'edit' | 'atlas' = 'edit',
  toy: Toy = {},
  stopAt: (event: VideoEvent) => boolean = () => false,
  control?: RunControl,
) {
  return await job(videoJobOf(options, goal), toy, stopAt, control)
}

/** Does a job with the toy trainer. */
export async function job(
  asked: ClipJob,
  toy: Toy = {},
  stopAt: (event: VideoEvent) => boolean = () => false,
  control?: RunControl,
) {
  const stop = new AbortController()
  const events: VideoEvent[] = []
  const result = await runVideoJob(
    asked,
    { openTrainer: toyVideoTrainer(toy), checkTexts: () => Promise.resolve(), signal: stop.signal, control },
    (event) => {
      events.push(event)
      if (stopAt(event)) stop.abort(interrupted())
    },
  )
  return { events, result, types: events.map(({ type }) => type) }
}

const hash = (...parts: Uint8Array[]): string =>
  parts
    .reduce((sum, part) => sum.update(part), createHash('sha256'))
    .digest('hex')
    .slice(0, 12)

/**
 * What a run computes: its files by their hash (of clips, which say when they were made, the hash of their frames), and
 * its losses.
 */
export async function computed(folder: string): Promise<Record<string, unknown>> {
  const names = (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => /\.(mp4|webm|mov|png|psd|svg|safetensors)$/.test(name))
    .sort()
  const hashes: Record<string, string> = {}
  for (const name of names) {
    const path = join(folder, name)
    hashes[name] = /\.(mp4|webm|mov)$/.test(name)
      ? hash(...(await readClip(path)).frames.pixels)
      : hash(readFileSync(path))
  }
  const { stages: _, ...metrics } = JSON.parse(readFileSync(join(folder, 'metrics.json'), 'utf8')) as { stages: object }
  const steps = (readLog(join(folder, 'events.ndjson')) as VideoEvent[]).flatMap((event) =>
    event.type === 'step' ? [[event.layer, event.step, event.losses, event.learningRate]] : [],
  )
  return { ...hashes, ...metrics, steps }
}

/** What an event tells, as `step 2` or `stage-done atlas`. */
export const moment = (event: VideoEvent): string =>
  'step' in event && event.type === 'step'
    ? `step ${event.layer} ${event.step}`
    : 'stage' in event
      ? `${event.type} ${event.stage}`
      : event.type

/** Holds the run once at each of the moments, and lets it go a while later; `whileHeld` is called before. */
export async function heldAt(
  moments: readonly string[],
  options: GivenVideoOptions,
  goal: 'edit' | 'atlas',
  whileHeld: (control: RunControl) => void = () => undefined,
) {
  const control = new RunControl()
  const left = new Set(moments)
  const { events } = await run(
    options,
    goal,
    {},
    (event) => {
      if (left.delete(moment(event))) control.pause()
      if (event.type === 'paused')
        setTimeout(() => {
          whileHeld(control)
          control.go()
        }, 30)
      return false
    },
    control,
  )
  expect([...left]).toEqual([])
  return events
}
