import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

const source = resolve(import.meta.dirname, '../../src')

/** What is loaded with a module before anything runs: modules of ours, as paths within src, and packages. */
function loadedWith(entry: string): { readonly own: readonly string[]; readonly packages: readonly string[] } {
  const own = new Set([resolve(source, entry)])
  const packages = new Set<string>()
  for (const path of own) {
    const text = readFileSync(path, 'utf8')
    for (const [, name] of text.matchAll(/^(?:import|export)(?! type\b)[^'"]*?from '([^']+)'/gm)) {
      if (name!.startsWith('.')) own.add(resolve(dirname(path), name!.replace(/\.js$/, '.ts')))
      else if (!name!.startsWith('node:')) packages.add(name!)
    }
  }
  return { own: [...own].map((path) => relative(source, path)), packages: [...packages].sort() }
}

test('a command answers --help without loading the engine, the method or a library that reads pictures', () => {
  const { own, packages } = loadedWith('cli/main.ts')
  expect(own).toContain('cli/imageCommand.ts')
  expect(own.filter((path) => /^(engine|method|atlas|queue|serve)\//.test(path))).toEqual([])
  expect(packages).toEqual(['commander', 'fastest-levenshtein', 'zod'])
})

test('the process of a photo loads nothing that only clips need', () => {
  const { own, packages } = loadedWith('run/jobProcess.ts')
  expect(own).toContain('method/trainer.ts')
  expect(own.filter((path) => path.startsWith('atlas/'))).toEqual([])
  expect(packages).not.toContain('mediabunny')
})
