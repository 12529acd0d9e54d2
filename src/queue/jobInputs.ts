import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import { asidePath } from '../media/node/asidePath.js'
import { pathHint } from '../pathHint.js'
import type { JobInput, JobPayload } from './protocol.js'
import { digestFile } from './store/fileDigest.js'
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

/**
 * Puts a file, or a folder with the files right in it, into the store; what is there already is not sent again.
 * @param scratch a folder for a moment's file
 * @throws INPUT_NOT_FOUND, STORE_*
 */
export async function storeInput(store: ObjectStore, path: string, scratch: string): Promise<JobInput> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new Text2LiveError('INPUT_NOT_FOUND', `There is nothing at "${path}". ${pathHint(path)}`, { cause })
  })
  const name = basename(path)
  if (!found.isDirectory()) return { name, folder: false, ...(await storeFile(store, path)) }
  const files = []
  for (const entry of (await readdir(path, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!entry.isFile() || entry.name.startsWith('.')) continue
    files.push({ name: entry.name, ...(await storeFile(store, join(path, entry.name))) })
  }
  const list = asidePath(join(scratch, 'listing'))
  try {
    await writeFile(list, JSON.stringify(files))
    return { name, folder: true, ...(await storeFile(store, list)) }
  } finally {
    await rm(list, { force: true })
  }
}

async function storeFile(store: ObjectStore, path: string): Promise<FileDigest> {
  const digest = await digestFile(path)
  const key = keyOf(digest)
  if ((await store.size(key)) !== digest.bytes) await store.upload(key, path, digest)
  return digest
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
