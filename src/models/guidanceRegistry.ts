import { z } from 'zod'
import { Text2LiveError } from '../errors.js'
import type { GuidancePlugin } from './guidancePlugin.js'

/** How the names of plug-ins begin in settings. */
const prefix = 'plugin:'

interface Registered {
  readonly plugin: GuidancePlugin
  /** Of its module, to be registered from in another process or thread. */
  readonly address: string
}

/** Of this thread. */
const registered = new Map<string, Registered>()

const pluginSchema = z.object({
  name: z
    .string()
    .max(40)
    .regex(/^[a-z][a-z\d-]*$/, 'small letters, digits and dashes')
    .refine((name) => !/^(starter|clip)\d*$/.test(name), 'a name that no model of this package has'),
  version: z
    .string()
    .max(40)
    .regex(/^\d+\.\d+\.\d+([-.][\w.-]*)?$/, 'a version such as 1.0.0'),
  open: z.custom((value) => typeof value === 'function', 'a function'),
})

/**
 * Registers the plug-in that a module exports as its default.
 * @param digest SHA-256 of the module's file, hex
 * @returns what settings, run folders and checkpoints call it: its name, version and digest
 * @throws GUIDANCE_INVALID where the module exports none
 */
export function registerPlugin(exported: unknown, digest: string, address: string): string {
  const plugin = (exported as { readonly default?: unknown }).default
  const parsed = pluginSchema.safeParse(plugin)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new Text2LiveError(
      'GUIDANCE_INVALID',
      `Expected ${address} to export a guidance plug-in as its default, { name, version, open }; ${issue?.path.join('.') || 'the export'}: expected ${issue?.message}. docs/plugins.md has an example.`,
    )
  }
  const name = `${prefix}${parsed.data.name}@${parsed.data.version}+${digest.slice(0, 16)}`
  registered.set(name, { plugin: plugin as GuidancePlugin, address })
  return name
}

/** Whether a value of `guidance` is what `registerPlugin` returns. */
export const isPluginName = (value: string): boolean => value.startsWith(prefix)

/**
 * The plug-in of that name; null for a name of another kind.
 * @throws GUIDANCE_NOT_REGISTERED
 */
export function registeredPlugin(name: string): GuidancePlugin | null {
  const found = registered.get(name)
  if (found !== undefined || !isPluginName(name)) return found?.plugin ?? null
  throw new Text2LiveError(
    'GUIDANCE_NOT_REGISTERED',
    `The guidance "${name}" is a plug-in, and its module was not named here. A run folder, a config or a list may come from anybody, so code that one names is not run unasked. ` +
      `If you want it, name its module yourself: --guidance ./its-module.mjs, or registerGuidance in a program.${others()}`,
  )
}

const others = (): string =>
  registered.size === 0 ? '' : ` Registered, but not the same: ${[...registered.keys()].join(', ')}.`

/** The addresses of the registered modules, to register them in a process or thread that this one starts. */
export const registeredModules = (): readonly string[] => [
  ...new Set([...registered.values()].map(({ address }) => address)),
]
