import { resolve } from 'node:path'
import { withoutSecrets } from '../models/withoutSecrets.js'
import { readModelName } from '../models/node/openModelSource.js'

/** Where the models of a run may come from; plain data, it crosses to workers. */
export interface GuidanceAccess {
  /** May what is not on this machine be fetched? Only where a person named the model: a run folder may come from anybody. */
  readonly fetch: boolean
  /** Addresses as they were given, by the names that the settings have, which hold no secrets. */
  readonly addresses: Readonly<Record<string, string>>
}

/** For models that a person named. */
export const accessTo = (given: readonly string[]): GuidanceAccess =>
  ({ fetch: true, addresses: Object.fromEntries(given.map((name) => [withoutSecrets(name), name])) })

/** For models that a run folder names. */
export const hereOnly: GuidanceAccess = { fetch: false, addresses: {} }

/**
 * One name for one model, wherever it is read: a path is made absolute, another name of a known model becomes that of its repository, an address loses what may be
 * a secret.
 */
export function portableGuidance(value: string): string {
  const name = readModelName(value)
  return name.kind === 'path' ? resolve(name.path) : name.kind === 'repo' ? name.repo : withoutSecrets(value)
}
