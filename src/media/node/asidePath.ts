import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { identityTag, isTagAlive, ownIdentity, tagPattern } from './processIdentity.js'

/**
 * Characters of a name that stay in its name aside: with what is added, it must not become longer than a file system
 * takes.
 */
const kept = 48

/**
 * A name beside `path` that nobody else has, for what is made aside and renamed when it is whole:
 * `.edit.png.<process>.<random>.tmp`. It tells which process makes it, so that what a killed one left can be told from
 * what a living one is at.
 */
export function asidePath(path: string): string {
  return join(dirname(path), `.${stemOf(path)}.${identityTag(ownIdentity())}.${randomBytes(6).toString('hex')}.tmp`)
}

/**
 * Removes what processes that run no more left aside for `path`.
 * @throws nothing: what cannot be removed stays
 */
export async function removeDeadAsides(path: string): Promise<void> {
  await removeAsides(dirname(path), (stem, tag) => stem === stemOf(path) && tag !== null && isTagAlive(tag) === false)
}

/**
 * Removes from a folder what was made aside there, by whatever process that runs no more. A name without a process is
 * of an older version of this program.
 * @throws nothing: what cannot be removed stays
 */
export async function clearAsides(folder: string): Promise<void> {
  await removeAsides(folder, (_, tag) => tag === null || isTagAlive(tag) === false)
}

/**
 * The same in a folder that this process holds alone: what another machine made there is of a run that was taken over.
 * @throws nothing: what cannot be removed stays
 */
export async function clearHeldFolder(folder: string): Promise<void> {
  await removeAsides(folder, (_, tag) => tag === null || isTagAlive(tag) !== true)
}

async function removeAsides(folder: string, isDead: (stem: string, tag: string | null) => boolean): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    const [, stem = '', tag = null] = tagged.exec(name) ?? untagged.exec(name) ?? []
    if (stem === '' || !isDead(stem, tag)) continue
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined)
  }
}

const tagged = new RegExp(String.raw`^\.(.+)\.${tagPattern}\.[0-9a-f]{12}\.tmp$`, 's')
const untagged = /^\.(.+)\.[0-9a-f]{12}\.tmp$/s

const stemOf = (path: string): string => Array.from(basename(path)).slice(0, kept).join('')
