import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const scripts = ['bench', 'scripts', 'test'].flatMap((folder) =>
  (readdirSync(join(root, folder), { recursive: true }) as string[])
    .filter((name) => name.endsWith('.mjs'))
    .map((name) => join(root, folder, name)),
)

/** The TypeScript source that a file of dist/ is made of. */
const sourceOf = (built: string): string =>
  [built, built.replace(/\.js$/, '.ts'), built.replace(/\.js$/, '.tsx')]
    .map((path) => path.replace(join(root, 'dist'), join(root, 'src')))
    .find((path) => existsSync(path)) ?? `no source of ${relative(root, built)}`

// The compiler does not see these scripts, and most of them run seldom.
test('every name that a script imports from dist is exported by the source', () => {
  const missing: string[] = []
  let seen = 0
  for (const script of scripts)
    for (const [, names, module] of readFileSync(script, 'utf8').matchAll(
      /^import \{([^}]+)\} from '(\.[^']*\/dist\/[^']+)'/gm,
    )) {
      const source = sourceOf(join(dirname(script), module!))
      const text = existsSync(source) ? readFileSync(source, 'utf8') : ''
      for (const name of names!.split(',').map((each) => each.trim().split(' as ')[0]!)) {
        if (name === '') continue
        seen++
        const isDeclared = new RegExp(`^export (?:async )?(?:const|function\\*?|class|let) ${name}\\b`, 'm').test(text)
        const isListed = new RegExp(`^export \\{[^}]*\\b${name}\\b[^}]*\\}`, 'm').test(text)
        if (!isDeclared && !isListed && !/^export \* from/m.test(text))
          missing.push(`${relative(root, script)}: ${name} of ${module}`)
      }
    }
  expect(seen).toBeGreaterThan(100)
  expect(missing).toEqual([])
})
