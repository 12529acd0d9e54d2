import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Text2LiveError } from '../../errors.js'
import { registerPlugin } from '../guidanceRegistry.js'
import { findKnownModel, starterName } from '../knownModels.js'

/**
 * Loads a guidance plug-in from its module, for this program and the processes that it starts.
 *
 * ```ts
 * const guidance = await registerGuidance('./my-guidance.mjs')
 * editImage({ photo: 'teapot.jpg', prompt: 'golden teapot', guidance: [guidance, 'starter'] })
 * ```
 *
 * @param module path, `file:` URL or name of a package that is installed where the program runs
 * @returns its name for the option `guidance`: `plugin:<name>@<version>+<digest>`. A run keeps it and goes on with that
 *   one only; the digest is of the module's own file, not of others that it imports
 * @throws GUIDANCE_NOT_FOUND, GUIDANCE_INVALID
 */
export async function registerGuidance(module: string | URL): Promise<string> {
  const path = modulePath(module)
  const bytes = path === null ? null : await readFile(path).catch(() => null)
  if (path === null || bytes === null)
    throw new Text2LiveError(
      'GUIDANCE_NOT_FOUND',
      `Expected a module with a guidance plug-in at "${String(module)}"; there is no such file and no such package here. Check the path, or install the package.`,
    )
  const digest = createHash('sha256').update(bytes).digest('hex')
  const url = pathToFileURL(path)
  // A module that was changed since it was imported is another one.
  url.searchParams.set('sha256', digest)
  let exported: unknown
  try {
    exported = await import(url.href)
  } catch (cause) {
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${path} to be a module that can be imported; it cannot: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
  return registerPlugin(exported, digest, path)
}

/** For a process or thread that was started with modules of another. */
export async function registerModules(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) await registerGuidance(address)
}

/**
 * Values of `--guidance` as a person gives them: those that are modules are registered, others are left as they are.
 * @throws GUIDANCE_NOT_FOUND, GUIDANCE_INVALID
 */
export async function withModulesRegistered(values: readonly string[]): Promise<string[]> {
  const names: string[] = []
  for (const value of values) names.push(namesModule(value) ? await registerGuidance(value) : value)
  return names
}

/** Whether it is the path of a module, or the name of an installed package and of no known model. */
function namesModule(value: string): boolean {
  if (isModuleFile(value)) return true
  return value !== starterName && !existsSync(value) && !findKnownModel(value) && packageEntry(value) !== null
}

/** Whether it ends as the path of a module does. */
export const isModuleFile = (value: string): boolean => /\.m?js$/.test(value) && !/^https?:\/\//i.test(value)

function modulePath(module: string | URL): string | null {
  if (module instanceof URL || module.startsWith('file:')) return fileURLToPath(module)
  return isModuleFile(module) ? resolve(module) : packageEntry(module)
}

/** The file that importing a package gives, looked for upward from the working folder; null where there is none. */
function packageEntry(name: string): string | null {
  if (!/^(@[a-z\d][\w.-]*\/)?[a-z\d][\w.-]*$/.test(name)) return null
  for (let folder = resolve('.'); ; folder = dirname(folder)) {
    const root = join(folder, 'node_modules', name)
    const manifest = join(root, 'package.json')
    if (existsSync(manifest)) {
      const { exports, main } = JSON.parse(readFileSync(manifest, 'utf8')) as { exports?: unknown; main?: unknown }
      return join(root, importTarget(exports) ?? (typeof main === 'string' ? main : 'index.js'))
    }
    if (dirname(folder) === folder) return null
  }
}

/** What `exports` of a package.json gives for the package itself. */
function importTarget(exports: unknown): string | null {
  if (typeof exports === 'string') return exports
  if (typeof exports !== 'object' || exports === null) return null
  const targets = exports as Readonly<Record<string, unknown>>
  return importTarget(targets['.'] ?? targets['node'] ?? targets['import'] ?? targets['default'])
}
