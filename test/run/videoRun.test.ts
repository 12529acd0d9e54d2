import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runVideoJob, videoJobOf } from '../../src/run/video/videoJob.js'
import type { VideoEvent } from '../../src/run/video/videoEvents.js'
import type { GivenVideoOptions } from '../../src/options/videoOptions.js'
import { toyVideoTrainer, writeToyClip, writeToyMask } from './toyVideo.mjs'

let home: string
const at = (...names: string[]): string => join(home, ...names)

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-video-'))
  await writeToyClip(at('clip'))
  await writeToyMask(at('00000.png'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const basics = (): GivenVideoOptions => ({
  clip: at('clip'), prompt: 'golden square', source: 'square', object: at('00000.png'), size: 0, steps: 4, seed: 3, device: 'cpu', threads: 1, previewEvery: 2, out: at('run'),
})

async function run(options: Parameters<typeof videoJobOf>[0], toy: Parameters<typeof toyVideoTrainer>[0] = {}, signal = new AbortController().signal) {
  const events: VideoEvent[] = []
  const result = await runVideoJob(videoJobOf(options, 'edit'), { openTrainer: toyVideoTrainer(toy), signal }, (event) => events.push(event))
  return { events, result }
}

test('a run leaves every file that it promises', async () => {
  const { events, result } = await run(basics())
  console.log(events.map((e) => JSON.stringify(e, (k, v) => (k === 'png' || k === 'settings' ? undefined : v) as unknown)).join('\n'))
  console.log(readdirSync(at('run'), { recursive: true }).join(' '))
  console.log(readFileSync(at('run', 'metrics.json'), 'utf8'))
  expect(result.finished).toBe(true)
})
