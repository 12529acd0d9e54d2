import { withoutSecrets } from '../models/withoutSecrets.js'

/** Where the models of a run may come from; plain data, it crosses to workers. */
export interface GuidanceAccess {
  /**
   * May what is not on this machine be fetched? Only where a person named the model: a run folder may come from
   * anybody.
   */
  readonly fetch: boolean
  /** Addresses as they were given, by the names that the settings have, which hold no secrets. */
  readonly addresses: Readonly<Record<string, string>>
}

/** For models that a person named. */
export const accessTo = (given: readonly string[]): GuidanceAccess => ({
  fetch: true,
  addresses: Object.fromEntries(given.map((name) => [withoutSecrets(name), name])),
})

/** For models that a run folder names. */
export const hereOnly: GuidanceAccess = { fetch: false, addresses: {} }
