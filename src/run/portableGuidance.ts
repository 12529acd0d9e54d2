import { resolve } from 'node:path'
import { withoutSecrets } from '../models/withoutSecrets.js'
import { readModelName } from '../models/node/openModelSource.js'

/**
 * One name for one model, wherever it is read: a path is made absolute, another name of a known model becomes that of
 * its repository, an address loses what may be a secret.
 */
export function portableGuidance(value: string): string {
  const name = readModelName(value)
  return name.kind === 'path' ? resolve(name.path) : name.kind === 'repo' ? name.repo : withoutSecrets(value)
}
