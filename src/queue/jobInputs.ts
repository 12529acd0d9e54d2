import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import { pathHint } from '../pathHint.js'
import type { JobInput, JobPayload } from './protocol.js'
import { digestFile } from '../media/node/digestFile.js'
import type { FileDigest, ObjectStore } from './store/objectStore.js'

/** Inputs lie in the store by their hash: the same photo in many jobs is there once. */
const keyOf = ({ sha256 }: FileDigest): string => `inputs/${sha256.slice(0, 2)}/${sha256}`

/** What the store has of a folder: its files. */
const listing = z.array(
  z.strictObject({
    name: z
      .string()
      .regex(/^[^/\\\0]{1,255}$/)
      .refine((name) => name !== '.' && name !== '..'),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    bytes: z.int().nonnegative(),
  }),
)

/** An input as a job names it, and what it is made of. */
export interface DescribedInput {
  readonly input: JobInput
  readonly files: readonly (FileDigest & { readonly path: string })[]
  /** Of a folder: the list of its files, as the store keeps it. */
  readonly listing: string | null
}

/**
 * Reads a file, or the files right in a folder, for their hashes.
 * @param digestOf tells the digest of a file
 * @throws INPUT_NOT_FOUND
 */
export async function describeInput(
  path: string,
  digestOf: (path: string) => Promise<FileDigest> = digestFile,
): Promise<DescribedInput> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new Text2LiveError('INPUT_NOT_FOUND', `There is nothing at "${path}". ${pathHint(path)}`, { cause })
  })
  const name = basename(path)
  if (!found.isDirectory()) {
    const digest = await digestOf(path)
    return { input: { name, folder: false, ...digest }, files: [{ path, ...digest }], listing: null }
  }
  const entries = (await readdir(path, { withFileTypes: true })).filter(
    (entry) => entry.isFile() && !entry.name.startsWith('.'),
  )
  const files: (FileDigest & { path: string })[] = []
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1)))
    files.push({ path: join(path, entry.name), ...(await digestOf(join(path, entry.name))) })
  const listing = JSON.stringify(files.map(({ path: file, ...digest }) => ({ name: basename(file), ...digest })))
  const sha256 = createHash('sha256').update(listing).digest('hex')
  return { input: { name, folder: true, sha256, bytes: Buffer.byteLength(listing) }, files, listing }
}

/** Puts an input into the store; what is there already is not sent again. @throws STORE_* */
export async function storeInput(store: ObjectStore, { input, files, listing }: DescribedInput): Promise<void> {
  for (const { path, ...digest } of files) {
    const key = keyOf(digest)
    if ((await store.size(key)) !== digest.bytes) await store.upload(key, path, digest)
  }
  if (listing !== null) await store.write(keyOf(input), listing)
}

/**
 * Fetches what a job reads.
 * @returns where it lies, by the name of the option
 * @throws INPUT_NOT_FOUND, STORE_*
 */
export async function fetchInputs(
  store: ObjectStore,
  { inputs }: Pick<JobPayload, 'inputs'>,
  folder: string,
): Promise<Record<string, string>> {
  const paths: Record<string, string> = {}
  for (const [option, input] of Object.entries(inputs)) {
    // Two options may name files of one name.
    const path = join(folder, option, input.name)
    await mkdir(join(folder, option), { recursive: true })
    if (input.folder) await fetchFolder(store, input, path)
    else await fetchFile(store, input, path)
    paths[option] = path
  }
  return paths
}

async function fetchFolder(store: ObjectStore, input: JobInput, path: string): Promise<void> {
  const list = `${path}.listing`
  await fetchFile(store, input, list)
  const files = listing.parse(JSON.parse(await readFile(list, 'utf8')))
  await mkdir(path, { recursive: true })
  for (const file of files) await fetchFile(store, file, join(path, file.name))
}

async function fetchFile(store: ObjectStore, file: FileDigest, path: string): Promise<void> {
  if (await store.download(keyOf(file), path, { sha256: file.sha256, bytes: file.bytes })) return
  throw new Text2LiveError(
    'INPUT_NOT_FOUND',
    `Expected the input ${file.sha256} in the store ${store.place}, and it is not there. Submit the list again: it is uploaded anew.`,
  )
}
