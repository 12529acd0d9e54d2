import type { NamedFile, RunHost } from '../../session/runHost.js'
import { decodeLayer } from '../stage/decodePhoto.js'
import { readMask, writeMask } from '../stage/maskFile.js'
import type { FrameLayer, LayersOf, OpenClip } from './openClip.js'

/** Runs number the frames of a clip from 0, with five digits. */
const numbered = (frame: number): string => `${String(frame).padStart(5, '0')}.png`

/** The painted masks of the object, as PNGs by frame. */
export async function masksByFrame(
  clip: OpenClip,
  masked = clip.masked.value,
): Promise<ReadonlyMap<number, Uint8Array>> {
  const masks = new Map<number, Uint8Array>()
  for (const frame of masked) masks.set(frame, await writeMask(clip.maskOf(frame)))
  return masks
}

/** The painted masks of the object, named as a run pairs them with their frames. */
export const clipMasks = async (clip: OpenClip): Promise<NamedFile[]> =>
  [...(await masksByFrame(clip))].map(([frame, bytes]) => ({ name: numbered(frame), bytes }))

/** Takes up masks of frames. */
export async function loadMasksByFrame(clip: OpenClip, masks: ReadonlyMap<number, Uint8Array>): Promise<void> {
  for (const [frame, bytes] of masks)
    if (frame < clip.count) await readMask(clip.maskOf(frame), { name: numbered(frame), bytes })
}

/** Takes up the masks that a run was made with, in place of those that are there. */
export async function loadClipMasks(clip: OpenClip, run: string, host: RunHost): Promise<void> {
  for (const frame of clip.masked.value) clip.maskOf(frame).clear()
  const masks = new Map<number, Uint8Array>()
  for (const name of await host.files(run)) {
    const frame = /^object\/(\d+)\.\w+$/.exec(name)?.[1]
    const file = frame === undefined ? null : await host.file(run, name)
    if (file !== null) masks.set(Number(frame), new Uint8Array(await file.arrayBuffer()))
  }
  await loadMasksByFrame(clip, masks)
}

/** An edit layer that a run has written, frame by frame. */
export interface WrittenLayer {
  readonly run: string
  /** Of its frames, in the run. */
  readonly folder: string
  /** [0, 1] */
  readonly opacity: number
  /** How many frames it has. */
  readonly frames: number
}

/** Edit layers that runs have written, bottom to top; one that has no such frame is left out there. */
export const frameLayers =
  (host: RunHost, layers: readonly WrittenLayer[]): LayersOf =>
  async (frame) => {
    const read = layers.map(async ({ run, folder, opacity, frames }): Promise<FrameLayer[]> => {
      if (frame >= frames) return []
      const file = await host.file(run, `${folder}/${numbered(frame)}`).catch(() => null)
      return file === null ? [] : [{ picture: await decodeLayer(file), opacity, visible: true }]
    })
    return (await Promise.all(read)).flat()
  }
