import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = (readdirSync(join(root, 'docs'), { recursive: true }) as string[]).filter((name) => name.endsWith('.md'))
const files = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'examples/CREDITS.md']
  .concat(pages.map((name) => `docs/${name}`))
  .map((name) => join(root, name))

/** Without code, which is no link. */
const textOf = (file: string): string =>
  readFileSync(file, 'utf8')
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .replaceAll(/`[^`\n]*`/g, (code) => '`'.repeat(code.length))

/** The anchors that GitHub and the docs site give the headings of a page. */
const anchorsOf = (file: string): string[] =>
  [
    ...readFileSync(file, 'utf8')
      .replaceAll(/^```[\s\S]*?^```/gm, '')
      .matchAll(/^#+ (.*)$/gm),
  ].map(([, heading]) =>
    heading!
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  )

test('every link of the README and the docs leads to a file, and to a heading that is there', () => {
  const dead: string[] = []
  let seen = 0
  for (const file of files)
    for (const [, target] of textOf(file).matchAll(/\]\(([^)\s]+)\)/g)) {
      // Addresses are not asked for here; the reference of the exports is made beside the site.
      if (/^(https?:|mailto:|\/api\/)/.test(target!)) continue
      seen++
      const [path, anchor] = target!.split('#') as [string, string?]
      const found = path === '' ? file : join(dirname(file), path)
      const isThere = existsSync(found) && (anchor === undefined || anchorsOf(found).includes(anchor))
      if (!isThere) dead.push(`${relative(root, file)}: ${target}`)
    }
  expect(seen).toBeGreaterThan(60)
  expect(dead).toEqual([])
})

test('a page of the docs links to pages of the docs only, as those outside are none of the site', () => {
  const outside = pages.flatMap((page) => {
    const file = join(root, 'docs', page)
    return [...textOf(file).matchAll(/\]\((\.[^)\s#]*)/g)]
      .map(([, path]) => relative(join(root, 'docs'), join(dirname(file), path!)))
      .filter((path) => path.startsWith('..'))
      .map((path) => `${page}: ${path}`)
  })
  expect(outside).toEqual([])
})

test('every page of the docs stands in the site beside the text', () => {
  const config = readFileSync(join(root, 'docs/.vitepress/config.ts'), 'utf8')
  const missing = pages.filter((page) => page !== 'index.md' && !config.includes(`'/${page.slice(0, -'.md'.length)}'`))
  expect(missing).toEqual([])
})

test('every file that docs/architecture.md names is there', () => {
  const sources = ['src', 'test', 'scripts', 'docs']
    .flatMap((folder) =>
      (readdirSync(join(root, folder), { recursive: true }) as string[]).map((name) => `${folder}/${name}`),
    )
    .concat(readdirSync(root))
    .map((name) => `/${name.replaceAll('\\', '/')}`)
  const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  const named = [...text.matchAll(/`([\w./-]+\.(?:tsx?|mjs|py|md))`/g)].map(([, name]) => name!)
  expect(named.length).toBeGreaterThan(80)
  expect(named.filter((name) => !sources.some((source) => source.endsWith(`/${name}`)))).toEqual([])
})
