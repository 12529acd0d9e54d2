import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

test('a clip, by a program', { timeout: 600_000 }, () => {
  const home = mkdtempSync(join(tmpdir(), 'text2live-clip-example-'))
  try {
    cpSync(join(root, 'examples'), home, { recursive: true })
    mkdirSync(join(home, 'node_modules'))
    symlinkSync(root, join(home, 'node_modules/text2live'))
    const toy = { frames: 5, size: 192, steps: 1, views: 1, generatorWidth: 8, generatorLevels: 4, start: 'random' }
    const options = JSON.stringify({ ...toy, region: 'none', object: 'swan-mask.png', device: 'cpu' })
    const said = execFileSync(process.execPath, ['node/clip.mjs', 'swan.mp4', 'out', options], { cwd: home })
    expect(said.toString()).toMatch(/foreground, 1 of 1\n[^]*out: the atlas gives the clip back with \d+\.\d dB\n$/)
    expect(readdirSync(join(home, 'out'))).toEqual(expect.arrayContaining(['edited.mp4', 'edit-layer.webm']))
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
})
