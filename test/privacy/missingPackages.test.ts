import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const place = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const main = place('../../dist/cli/main.js')
const photo = place('../../examples/teapot.jpg')
const clip = place('../../examples/swan.mp4')

/** The native parts, by what requires them: each is a package of its own, or a file that not every system has. */
const native = {
  sharp: '^@img/|sharp-\\w+',
  'onnxruntime-node': 'onnxruntime_binding\\.node$',
  'node-av': '^@seydx/|node-av\\.node$',
}

let out = ''
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), 'text2live-missing-'))
})
afterAll(() => rmSync(out, { recursive: true, force: true }))

function run(missing: keyof typeof native, ...args: string[]): { status: number | null; output: string } {
  const env = { ...process.env, HIDDEN_PACKAGES: native[missing], COLUMNS: '500' }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', place('./hidePackages.cjs'), ...args], {
    env,
    encoding: 'utf8',
  })
  return { status, output: (stdout + stderr).replaceAll(/\s+/g, ' ') }
}

describe('a native part that is missing is named, with what to do', () => {
  it.each([
    ['sharp', /^error DEPENDENCY_MISSING: .*the package sharp.*Install again without --omit=optional/],
    ['onnxruntime-node', /error DEPENDENCY_MISSING: ONNX Runtime, the package onnxruntime-node, .*Install again/],
  ] as const)('%s, for a photo', (missing, text) => {
    const folder = join(out, missing)
    const { status, output } = run(
      missing,
      main,
      'image',
      photo,
      'golden teapot',
      '--preset',
      'preview',
      '--out',
      folder,
    )
    expect(output).toMatch(text)
    expect(status).toBe(2)
    expect(existsSync(folder)).toBe(false)
  })

  it.each([
    ['sharp', 'DEPENDENCY_MISSING'],
    ['onnxruntime-node', 'DEPENDENCY_MISSING'],
    ['node-av', 'CLIP_CODEC_MISSING'],
  ] as const)('%s, for a clip, before anything is done', (missing, code) => {
    const folder = join(out, `clip-${missing}`)
    const { status, output } = run(missing, main, 'video', clip, 'golden swan', '--out', folder)
    expect(output).toMatch(new RegExp(`^error ${code}: .*${missing}`))
    expect(status).toBe(2)
    expect(existsSync(folder)).toBe(false)
  })

  it.each(['sharp', 'onnxruntime-node'] as const)('%s, for a program, which can import us all the same', (missing) => {
    const program = join(out, `${missing}.mjs`)
    writeFileSync(
      program,
      `import { editImage } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
      await editImage({ photo: ${JSON.stringify(photo)}, prompt: 'x', device: 'cpu' }).result.catch((error) => console.log(error.name, error.code))`,
    )
    expect(run(missing, program).output).toBe('Text2LiveError DEPENDENCY_MISSING ')
  })

  it.each(['sharp', 'onnxruntime-node'] as const)('%s, by doctor', (missing) => {
    const { status, output } = run(missing, main, 'doctor')
    expect(output).toMatch(
      missing === 'sharp'
        ? /sharp missing .*format png cannot be read: .*--omit=optional/
        : /device cpu does not work: Cannot find module '[^']*onnxruntime_binding\.node' device webgpu/,
    )
    expect(output).not.toContain(fileURLToPath(new URL('../..', import.meta.url)))
    expect(status).toBe(1)
  })
})
