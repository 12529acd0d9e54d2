import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { integerProductsAreExact } from '../../src/engine/ops/quantized.js'
import { readSafetensors } from '../../src/formats/safetensors.js'
import { tinyModel } from './tinyModel.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const exact = await integerProductsAreExact(createNodeRuntime({ device: 'cpu', threads: 1 }))

let home: string
const at = (...names: string[]): string => join(home, ...names)
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'text2live-precision-'))
  mkdirSync(at('clip'))
  for (const [name, bytes] of await tinyModel()) writeFileSync(at('clip', name), bytes)
  const pixels = Uint8Array.from({ length: 72 * 64 * 3 }, (_, i) => (i * 37 + (i >> 7) * 11) % 256)
  writeFileSync(
    at('bowl.png'),
    await sharp(pixels, { raw: { width: 72, height: 64, channels: 3 } })
      .png()
      .toBuffer(),
  )
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

function command(...args: string[]): Promise<{ status: number | null; text: string }> {
  const child = spawn(process.execPath, [main, 'image', ...args], { cwd: home })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      text += data.toString()
    })
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, text: text.replace(/\s+/g, ' ') })))
}
const toy =
  '--size 192 --views 1 --generator-width 8 --start random --scale-min 1 --scale-max 1 --crops-min-cover 1 --region none --truncate --seed 5 --threads 1'
const edit = (...args: string[]) => command('bowl.png', 'red bowl', ...toy.split(' '), ...args)
const withClip = ['--guidance', './clip', '--device', 'cpu']

describe('--precision int8', () => {
  it.runIf(exact)('is kept with the run, which goes on bit for bit', async () => {
    const int8 = [...withClip, '--precision', 'int8']
    const whole = await edit(...int8, '--steps', '2', '--out', 'whole')
    expect(whole, whole.text).toMatchObject({ status: 0 })
    expect(readFileSync(at('whole', 'config.yaml'), 'utf8')).toContain('precision: int8')

    expect(await edit(...int8, '--steps', '1', '--out', 'parts')).toMatchObject({ status: 0 })
    expect(await command('--resume', 'parts', '--steps', '2')).toMatchObject({ status: 0 })
    const tensors = (run: string) =>
      [...readSafetensors(new Uint8Array(readFileSync(at(run, 'checkpoint.safetensors')))).tensors].map(
        ([name, { bytes }]) => `${name} ${Buffer.from(bytes).toString('base64')}`,
      )
    expect(tensors('whole').length).toBeGreaterThan(3)
    expect(tensors('parts')).toEqual(tensors('whole'))
  })

  it('is refused where no transformer guides, and by the presets that are as published', async () => {
    const starter = await edit('--precision', 'int8', '--device', 'cpu')
    expect(starter.status).toBe(2)
    expect(starter.text).toContain('PRECISION_UNAVAILABLE')
    const published = await edit(...withClip, '--preset', 'reference', '--precision', 'int8')
    expect(published.status).toBe(2)
    expect(published.text).toContain('OPTION_INVALID: --precision int8 rounds')
  })
})
