import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/checkLayers.mjs', import.meta.url))
const folders: string[] = []

function check(files: Readonly<Record<string, string>>): { status: number | null; text: string } {
  const root = mkdtempSync(join(tmpdir(), 'layers-'))
  folders.push(root)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, root], { encoding: 'utf8' })
  return { status, text: stdout + stderr }
}

afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })))

describe('scripts/checkLayers.mjs', () => {
  it('accepts imports that go downward', () => {
    const { status, text } = check({
      'models/a.ts': `import { b } from '../engine/b.js'`,
      'engine/b.ts': 'export const b = 1',
      'index.ts': `export * from './models/a.js'`,
    })
    expect(text).toContain('3 files')
    expect(status).toBe(0)
  })

  it.each<[string, Record<string, string>, string]>([
    [
      'an import that goes upward',
      { 'engine/a.ts': `import type { B } from '../models/b.js'`, 'models/b.ts': '' },
      'engine may not import models',
    ],
    [
      'a re-export that goes upward',
      { 'media/a.ts': `export { b } from '../run/b.js'`, 'run/b.ts': '' },
      'media may not import run',
    ],
    [
      'a Node module in the core',
      { 'method/a.ts': `import { readFileSync } from 'node:fs'` },
      'the core must run in a browser',
    ],
    [
      'a dynamic import of a Node package in the core',
      { 'media/a.ts': `const sharp = await import('sharp')` },
      'the core must run in a browser',
    ],
    [
      'a Node folder from the core',
      { 'media/a.ts': `import './node/b.js'`, 'media/node/b.ts': `import 'node:fs'` },
      'the core must run in a browser',
    ],
    [
      'a Node folder from the browser entry',
      { 'core.ts': `export * from './media/node/b.js'`, 'media/node/b.ts': '' },
      'the core must run in a browser',
    ],
    [
      'a circle',
      { 'engine/a.ts': `import './b.js'`, 'engine/b.ts': `import { a } from './a.js'` },
      'imports go in a circle: engine/a.ts -> engine/b.ts -> engine/a.ts',
    ],
    [
      'an import of the entry',
      { 'cli/a.ts': `import { b } from '../index.js'`, 'index.ts': '' },
      'an entry is for users',
    ],
    [
      'a file of no layer',
      { 'other/a.ts': `import { b } from '../engine/b.js'`, 'engine/b.ts': '' },
      'belongs to no layer',
    ],
    ['nothing to check', {}, 'no TypeScript file'],
  ])('refuses %s', (_, files, expected) => {
    const { status, text } = check(files)
    expect(text).toContain(expected)
    expect(status).toBe(1)
  })

  it('lets the Node folders use Node, and processes be started in a circle', () => {
    const { text, status } = check({
      'media/node/a.ts': `import 'node:fs'\nimport { b } from '../b.js'`,
      'media/b.ts': 'export const b = 1',
      'run/c.ts': `fork(new URL('./d.js', import.meta.url))`,
      'run/d.ts': `import './c.js'`,
    })
    expect(text).toContain('4 files')
    expect(status).toBe(0)
  })
})
