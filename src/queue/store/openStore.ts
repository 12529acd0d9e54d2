import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { Text2LiveError } from '../../errors.js'
import { openFolderObjects } from './folderObjects.js'
import type { ObjectStore } from './objectStore.js'
import { openS3Objects } from './s3Objects.js'

/** A store that may be worked with. */
export interface OpenedStore {
  readonly objects: ObjectStore
  /** Which store it is, wherever a machine has it: a shared folder lies elsewhere on each. */
  readonly id: string
}

const markSchema = z.object({ program: z.literal('text2live'), layout: z.literal(1), id: z.string().min(1).max(100) })
const markName = 'text2live-store.json'

/**
 * Opens a store and makes sure, by doing it, that this machine may read, write and delete there.
 * @param place a folder, or s3://bucket/prefix
 * @throws STORE_NOT_FOUND, STORE_REFUSED, STORE_UNREACHABLE, STORE_MISMATCH, DEPENDENCY_MISSING, OPTION_INVALID
 */
export async function openStore(place: string): Promise<OpenedStore> {
  const objects = await (place.startsWith('s3://') ? openS3Objects(place) : openFolderObjects(place))
  try {
    const probe = `probe-${randomBytes(8).toString('hex')}`
    await objects.write(probe, probe)
    const back = await objects.read(probe)
    await objects.remove([probe])
    if (back === null || new TextDecoder().decode(back) !== probe)
      throw new Text2LiveError(
        'STORE_DAMAGED',
        `What was written to the store ${objects.place} was not there when it was read. Choose a store that shows what was written at once.`,
      )
    await objects.create(
      markName,
      JSON.stringify({ program: 'text2live', layout: 1, id: randomBytes(16).toString('hex') }),
    )
    return { objects, id: await readMark(objects) }
  } catch (error) {
    objects.close()
    throw rightsOf(error, objects.place)
  }
}

async function readMark(objects: ObjectStore): Promise<string> {
  const bytes = await objects.read(markName)
  try {
    return markSchema.parse(JSON.parse(new TextDecoder().decode(bytes ?? new Uint8Array()))).id
  } catch (cause) {
    throw new Text2LiveError(
      'STORE_MISMATCH',
      `${objects.place} holds a ${markName} that this version of text2live does not read. Choose another folder or prefix, or the text2live that made it.`,
      { cause },
    )
  }
}

const rightsOf = (error: unknown, place: string): unknown =>
  error instanceof Text2LiveError && error.code === 'OUTPUT_NOT_WRITABLE'
    ? new Text2LiveError('STORE_REFUSED', `The store ${place} may not be written to: ${error.message}`, {
        cause: error,
      })
    : error
