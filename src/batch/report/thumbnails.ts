import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Text2LiveError } from '../../errors.js'
import { readClip } from '../../media/node/readClip.js'
import { sharp } from '../../media/node/sharp.js'
import { lookIn } from '../../run/runFolder.js'
import { outputFiles } from '../../session/events.js'
import { readStoredRun } from '../../session/queue/readStoredRun.js'
import { runFiles } from '../../session/runFiles.js'
import { videoOutputFiles } from '../../session/video/videoFiles.js'
import type { StandingJob } from '../standingJobs.js'

/** Sides of a thumbnail, px. */
const box = { width: 320, height: 240 } as const

/** What a job began with and what it has made of that, as small WebP; null for what there is no picture of. */
export interface BeforeAfter {
  readonly before: Uint8Array | null
  readonly after: Uint8Array | null
}

export async function beforeAfter({ job, path, standing }: StandingJob): Promise<BeforeAfter> {
  const before = await thumbnailOf(job.kind === 'photo' ? job.input : { clip: job.input })
  if (standing.state === 'waiting' || !existsSync(join(path, runFiles.config))) return { before, after: null }
  return { before, after: await latest(path, job.kind) }
}

/** The result, or the latest preview. */
async function latest(path: string, kind: StandingJob['job']['kind']): Promise<Uint8Array | null> {
  const results =
    kind === 'photo'
      ? [runFiles.contactSheet, outputFiles.composite]
      : [videoOutputFiles.edited, videoOutputFiles.editedFrames]
  const result = results.map((name) => join(path, name)).find((file) => existsSync(file))
  if (result !== undefined) return await thumbnailOf(kind === 'photo' ? result : { clip: result })
  const preview = (await readStoredRun(lookIn(path))).thumbnail
  return preview === null ? null : await thumbnailOf(join(path, preview))
}

/** Null for a picture that cannot be read: its job says what is wrong with it. */
async function thumbnailOf(source: string | { readonly clip: string }): Promise<Uint8Array | null> {
  try {
    const picture = typeof source === 'string' ? sharp(source).autoOrient() : await firstFrame(source.clip)
    return await picture
      .resize({ ...box, fit: 'inside' })
      .webp({ quality: 70 })
      .toBuffer()
  } catch (error) {
    if (error instanceof Text2LiveError && error.exitStatus !== 2) throw error
    return null
  }
}

async function firstFrame(clip: string): Promise<ReturnType<typeof sharp>> {
  const { frames } = await readClip(clip, { frames: 1, size: box.height })
  const { width, height } = frames
  return sharp(frames.pixels[0]!, { raw: { width, height, channels: 3 } })
}
