import { expect, it, vi } from 'vitest'
import { Text2LiveError } from '../../errors.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import { resolveVideoSettings } from '../../options/resolveVideoSettings.js'
import { hereOnly } from '../guidanceAccess.js'
import { masksStage } from './masksStage.js'
import type { StageTools } from './videoSession.js'

// No machine has every device: what is asked for is what is looked at.
vi.mock('../openRuntime.js', () => ({
  openRuntime: ({ device }: { device: string }) => Promise.reject(new Text2LiveError('DEVICE_UNAVAILABLE', `asked for ${device}`)),
}))

const frames: ClipFrames = { width: 8, height: 8, pixels: [new Uint8Array(192), new Uint8Array(192)] }

it.each(['webgpu', 'cuda'] as const)('the object of a clip is looked for on the device that was asked for: %s', async (device) => {
  const settings = resolveVideoSettings([{ prompt: 'golden swan', region: 'swan', device, seed: 1 }], () => 1)
  const tools = {
    settings, access: hereOnly, signal: new AbortController().signal, emit: () => undefined, report: () => undefined,
    input: { frames, object: null, point: null }, folder: { file: (name: string) => `/nowhere/${name}` }, fingerprint: { settings, pictures: '' },
  } as unknown as StageTools
  await expect(masksStage(tools, { width: 8, height: 8, forward: [], backward: [] })).rejects.toThrow(`asked for ${device}`)
})
