import { expect, it, vi } from 'vitest'
import type { ClipFrames } from '../../media/clipFrames.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import type { GivenVideoOptions } from '../../options/videoOptions.js'
import { clipMachine } from '../../run/video/clipMachine.js'
import { hereOnly } from '../guidanceAccess.js'
import { memoryStore } from '../memoryStore.js'
import type { FrameModels, FrameQuestion } from './findInFrames.js'
import { masksStage } from './masksStage.js'
import type { StageTools } from './clipSession.js'

vi.mock('./findInFrames.js', () => ({
  unsaid: '',
  findInFrames: (_: ClipFrames, { region }: FrameQuestion, { runtime: { device } }: FrameModels) =>
    Promise.reject(new RangeError(`looked for ${JSON.stringify(region)} on ${device}`)),
}))

const frames: ClipFrames = { width: 8, height: 8, pixels: [new Uint8Array(192), new Uint8Array(192)] }

async function lookedFor(options: GivenVideoOptions): Promise<string> {
  const settings = resolveVideoSettings([{ prompt: 'golden swan', seed: 1, ...options }], () => 1)
  const tools = {
    settings,
    access: hereOnly,
    signal: new AbortController().signal,
    emit: () => undefined,
    report: () => undefined,
    input: { frames, object: null, point: null },
    store: memoryStore('nowhere'),
    // No machine has every device: what is asked for is what is looked at.
    machine: {
      ...clipMachine,
      runtime: ({ device }: { device: string }) =>
        Promise.resolve({ device, compile: () => Promise.resolve({ release: () => Promise.resolve() }) }),
    },
    fingerprint: { settings, pictures: '' },
  } as unknown as StageTools
  return await masksStage(tools, { width: 8, height: 8, forward: [], backward: [] }).then(
    () => 'found',
    (error: unknown) => (error as Error).message,
  )
}

it.each(['cpu', 'webgpu', 'cuda'] as const)(
  'the object of a clip is looked for on the device that was asked for: %s',
  async (device) => {
    expect(await lookedFor({ region: 'swan', device })).toBe(`looked for ["swan"] on ${device}`)
  },
)

it('the object is what source or prompt name, but where the background alone is edited', async () => {
  expect(await lookedFor({ source: 'swan', device: 'cpu' })).toBe('looked for ["swan"] on cpu')
  expect(await lookedFor({ source: 'swan', layer: 'both', device: 'cpu' })).toBe('looked for ["swan"] on cpu')
  expect(await lookedFor({ device: 'cpu' })).toBe('looked for "agreed" on cpu')
  expect(await lookedFor({ source: 'lake', layer: 'background', device: 'cpu' })).toBe('looked for [] on cpu')
  expect(await lookedFor({ layer: 'background', device: 'cpu' })).toBe('looked for [] on cpu')
  expect(await lookedFor({ source: 'lake', layer: 'background', region: 'swan', device: 'cpu' })).toBe(
    'looked for ["swan"] on cpu',
  )
})
