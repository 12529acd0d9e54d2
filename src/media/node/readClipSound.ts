import { stat } from 'node:fs/promises'
import { FilePathSource, Input } from 'mediabunny'
import { Text2LiveError } from '../../errors.js'
import type { ClipTiming } from '../clip.js'
import { containerFormats } from '../containerFormats.js'
import { readSound, type Sound } from '../sound.js'
import { checkStructure } from './checkStructure.js'

/**
 * The sound of a file, see `readSound`; one without sound, or a GIF or folder, gives none.
 * @throws Text2LiveError INTERRUPTED
 */
export async function readClipSound(path: string, timing: ClipTiming, signal?: AbortSignal): Promise<Sound> {
  // A pipe would be waited for.
  if (!(await stat(path).catch(() => null))?.isFile()) return { tracks: [], notes: [] }
  const input = new Input({ source: new FilePathSource(path), formats: containerFormats })
  try {
    if (!(await input.canRead().catch(() => false))) return { tracks: [], notes: [] }
    await checkStructure(path, { sound: true, signal })
    return await readSound(input, timing)
  } catch (error) {
    if (!(error instanceof Text2LiveError && error.code === 'CLIP_TRUNCATED')) throw error
    return { tracks: [], notes: [`The sound of "${path}" is damaged and was left out.`] }
  } finally {
    input.dispose()
  }
}
