import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'))

/**
 * No install script of a dependency is needed, and that of onnxruntime-node fetches CUDA from NuGet and fails where it
 * cannot. A new npm (11.19 does) asks `allowScripts` of package.json; one before it runs the scripts of what the lock
 * file marks with `hasInstallScript`, so no entry is marked.
 */
it('runs no install script of a dependency, with any npm', () => {
  const { allowScripts } = read('package.json') as { allowScripts: Record<string, boolean> }
  const { packages } = read('package-lock.json') as { packages: Record<string, { hasInstallScript?: boolean }> }
  const withScripts = new Set<string>()
  for (const [folder, { hasInstallScript }] of Object.entries(packages)) {
    expect(hasInstallScript, `${folder} in package-lock.json: take out its line "hasInstallScript"`).toBeUndefined()
    if (folder === '' || !existsSync(new URL(`../../${folder}/package.json`, import.meta.url))) continue
    const { scripts = {} } = read(`${folder}/package.json`) as { scripts?: Record<string, string> }
    if (['preinstall', 'install', 'postinstall'].some((name) => name in scripts))
      withScripts.add(folder.replace(/^.*node_modules\//, ''))
  }
  expect(withScripts.size).toBeGreaterThan(0)
  expect([...withScripts].filter((name) => allowScripts[name] !== false)).toEqual([])
})
