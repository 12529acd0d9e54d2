import { Text2LiveError } from '../errors.js'
import { contactSheet } from '../media/node/contactSheet.js'
import { decodePhoto } from '../media/node/decodePhoto.js'
import { toEightBits } from '../media/quantise.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { GuidanceAccess } from '../session/guidanceAccess.js'
import type { RunEvent } from '../session/events.js'
import type { ImageInput } from '../session/imageInput.js'
import { makeRunFolder, runFiles, type RunFolder } from './runFolder.js'
import { firstFiles } from '../session/savedRun.js'
import { editResult, type EditResult } from './editResult.js'
import { nodeMachine } from './nodeMachine.js'
import type { RunEnvironment } from '../session/trainerContract.js'
import { trainRun, type Emit } from '../session/trainRun.js'

interface VariationsPlan {
  readonly settings: ImageSettings
  readonly input: ImageInput
  readonly access: GuidanceAccess
  /** Number of variations. */
  readonly seeds: number
  /** Events from before, which go into the log of each. */
  readonly early: readonly RunEvent[]
  readonly makeFolder: () => Promise<RunFolder | null>
}

/** The seeds of n variations: seed, seed + 1, ... (32 bits). */
export const variationSeeds = (seed: number, seeds: number): number[] =>
  Array.from({ length: seeds }, (_, i) => (seed + i) % 2 ** 32)

export const variationFolder = (seed: number): string => `seed-${seed}`

/** Trains one run per seed, each in its sub folder, and lays their composites on one sheet. */
export async function trainVariations(
  plan: VariationsPlan,
  environment: RunEnvironment,
  emit: Emit,
): Promise<EditResult> {
  let parent: RunFolder | null | undefined
  const { open, signal } = environment
  try {
    const results = await eachVariation(plan.settings.seed, plan.seeds, signal, emit, async (seed) => {
      const settings = { ...plan.settings, seed }
      const store = async (): Promise<RunFolder | null> => {
        parent ??= await plan.makeFolder()
        return parent === null
          ? null
          : await makeRunFolder(parent.file(variationFolder(seed)), '', false, firstFiles(settings, plan.input, 1))
      }
      return editResult(
        await trainRun(
          {
            settings,
            input: plan.input,
            access: plan.access,
            open,
            signal,
            start: null,
            store,
            machine: nodeMachine,
            early: plan.early,
          },
          asPartOf(() => parent, emit),
        ),
      )
    })
    return await finishVariations(parent ?? null, results, plan.seeds, emit)
  } finally {
    parent?.release()
  }
}

/**
 * Runs `one` for each seed until the signal aborts; what was finished before an abort is kept.
 * @param one null where there is nothing of the seed
 */
export async function eachVariation(
  seed: number,
  seeds: number,
  signal: AbortSignal,
  emit: Emit,
  one: (seed: number) => Promise<EditResult | null>,
): Promise<EditResult[]> {
  const results: EditResult[] = []
  for (const [index, own] of variationSeeds(seed, seeds).entries()) {
    if (signal.aborted && results.length > 0) break
    emit({ type: 'variation', index, count: seeds, seed: own })
    try {
      const result = await one(own)
      if (result !== null) results.push(result)
    } catch (error) {
      const stopped = error instanceof Text2LiveError && error.code === 'INTERRUPTED'
      if (!stopped || results.length === 0) throw error
      break
    }
  }
  return results
}

/** The sheet of all composites, and the result that stands for all: that of the first, with the others beside it. */
export async function finishVariations(
  parent: RunFolder | null,
  results: readonly EditResult[],
  seeds: number,
  emit: Emit,
): Promise<EditResult> {
  const [first] = results
  if (first === undefined) throw new RangeError('variations need at least one result')
  // One at a time: of large photos not all composites would fit.
  const composites = results.map(
    ({ files }) =>
      async () =>
        toEightBits((await decodePhoto(files.composite)).pixels),
  )
  const sheet = await contactSheet(
    composites,
    results.map(({ settings }) => `seed ${settings.seed}`),
  )
  const path = parent?.file(runFiles.contactSheet)
  await parent?.write(runFiles.contactSheet, sheet)
  emit({ type: 'output', name: 'contactSheet', bytes: sheet.byteLength, ...(path === undefined ? {} : { path }) })
  const finished = results.length === seeds && results.every((result) => result.finished)
  return { ...first, finished, folder: parent?.path ?? null, variations: results, contactSheet: sheet }
}

/** A stopped variation is resumed through the folder that holds them all. */
export const asPartOf =
  (parent: () => RunFolder | null | undefined, emit: Emit): Emit =>
  (event) => {
    const folder = parent()
    emit(
      event.type === 'interrupted' && folder !== null && folder !== undefined
        ? { ...event, folder: folder.path }
        : event,
    )
  }
