import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import { withoutSecrets } from '../models/withoutSecrets.js'
import { type OptionTable, rowOf, settingNamesOf } from '../options/optionTable.js'
import { parseRow } from '../options/parseOption.js'

/**
 * The settings that a checkpoint was made with, each a value that its option can have, or null where it is unset. A
 * setting of another version of this program is left out: it is not compared.
 * @throws CHECKPOINT_INVALID naming the setting
 */
export function readSavedSettings(table: OptionTable, json: string, path: string): Readonly<Record<string, unknown>> {
  const given = z.record(z.string(), z.unknown()).safeParse(parsedJson(json))
  if (!given.success) throw invalid(path, 'settings that cannot be read')
  const values: Record<string, unknown> = {}
  for (const name of settingNamesOf(table)) {
    const value = given.data[name]
    if (value === undefined) continue
    try {
      const valid = value === null ? null : parseRow(rowOf(table, name), value, name)
      values[name] =
        name === 'guidance' && Array.isArray(valid) ? valid.map((each) => withoutSecrets(String(each))) : valid
    } catch (cause) {
      throw invalid(path, `a value that "${name}" cannot have`, cause)
    }
  }
  return values
}

/**
 * The step of a checkpoint.
 * @throws CHECKPOINT_INVALID
 */
export function readSavedStep(text: string | undefined, path: string): number {
  const step = /^\d+$/.test(text ?? '') ? Number(text) : Number.NaN
  if (Number.isSafeInteger(step)) return step
  throw invalid(path, text === undefined ? 'no step' : `"${text}" as its step`)
}

/** @throws CHECKPOINT_INVALID for numbers that training could not go on from */
export function assertFiniteNumbers(name: string, data: Float32Array, path: string): void {
  if (!data.every(Number.isFinite)) throw invalid(path, `values of "${name}" that are no finite numbers`)
}

const invalid = (path: string, what: string, cause?: unknown): Text2LiveError =>
  new Text2LiveError(
    'CHECKPOINT_INVALID',
    `${path} holds ${what}, so nothing can go on from it. Delete it to begin again what it was kept for.`,
    { cause },
  )

/** What the text says; null where it is no JSON. */
export function parsedJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}
