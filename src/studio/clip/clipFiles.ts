import type { NamedFile, RunHost } from '../../session/runHost.js'
import { decodeLayer } from '../stage/decodePhoto.js'
import { maskPng } from '../stage/maskPng.js'
import type { LayerOf, OpenClip } from './openClip.js'

/** Runs number the frames of a clip from 0, with five digits. */
const numbered = (frame: number): string => `${String(frame).padStart(5, '0')}.png`

/** The painted masks of the object, named as a run pairs them with their frames. */
export const clipMasks = async (clip: OpenClip): Promise<NamedFile[]> =>
  await Promise.all(
    clip.masked.value.map(async (frame) => ({ name: numbered(frame), bytes: await maskPng(clip.maskOf(frame)) })),
  )

/** Takes up the masks that a run was made with. */
export async function loadClipMasks(clip: OpenClip, run: string, host: RunHost): Promise<void> {
  const { browserCodec } = await import('../../media/web/browserCodec.js')
  for (const name of await host.files(run)) {
    const frame = /^object\/(\d+)\.\w+$/.exec(name)?.[1]
    const file = frame === undefined || Number(frame) >= clip.count ? null : await host.file(run, name)
    if (file === null) continue
    const { width, height } = clip.size
    const source = { name, bytes: new Uint8Array(await file.arrayBuffer()) }
    const { image } = await browserCodec.decodeMask(source, width, height)
    await clip.maskOf(Number(frame)).load({
      width,
      height,
      data: Uint8Array.from(image.data, (value) => Math.round(255 * value)),
    })
  }
}

/** The edit layers of a run that has written them, frame by frame. */
export const frameLayers =
  (host: RunHost, run: string, folder = 'edit-layer'): LayerOf =>
  async (frame) => {
    const file = await host.file(run, `${folder}/${numbered(frame)}`).catch(() => null)
    return file === null ? null : await decodeLayer(file)
  }
