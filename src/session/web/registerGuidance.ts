import { Text2LiveError } from '../../errors.js'
import { registerPlugin } from '../../models/guidanceRegistry.js'
import { digest } from '../digest.js'

/**
 * Loads a guidance plug-in from its module, for the thread that calls it: in a browser, the worker that calls
 * `serveJobs`, before it does.
 * @param module address of the module, as `new URL('./my-guidance.mjs', import.meta.url)`
 * @returns its name for the option `guidance`, the same as in Node: `plugin:<name>@<version>+<digest>`
 * @throws GUIDANCE_NOT_FOUND, GUIDANCE_INVALID
 */
export async function registerGuidance(module: string | URL): Promise<string> {
  const address = String(module)
  const response = await fetch(address).catch(() => null)
  if (response?.ok !== true)
    throw new Text2LiveError(
      'GUIDANCE_NOT_FOUND',
      `Expected a module with a guidance plug-in at "${address}"; ${response === null ? 'nothing answered' : `the server answered ${response.status}`}. Check the address.`,
    )
  const bytes = new Uint8Array(await response.arrayBuffer())
  let exported: unknown
  try {
    exported = await import(/* @vite-ignore */ address)
  } catch (cause) {
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${address} to be a module that can be imported; it cannot: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
  return registerPlugin(exported, await digest(bytes), address)
}
