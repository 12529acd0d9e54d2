import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { mayHaveCuda } from './mayHaveCuda.js'

let libraries: string
let beside: string
beforeEach(async () => {
  libraries = await mkdtemp(join(tmpdir(), 'text2live-cuda-'))
  beside = join(libraries, 'napi-v6', process.platform, process.arch)
})
afterEach(() => rm(libraries, { recursive: true }))

it('knows CUDA by its library beside those of ONNX Runtime', async () => {
  await mkdir(beside, { recursive: true })
  await writeFile(join(beside, 'onnxruntime_binding.node'), '')
  expect(mayHaveCuda(libraries)).toBe(false)
  await writeFile(join(beside, 'libonnxruntime_providers_cuda.so'), '')
  expect(mayHaveCuda(libraries)).toBe(true)
})

it('denies nothing where it does not find the libraries of ONNX Runtime', async () => {
  expect(mayHaveCuda(libraries)).toBe(true)
  expect(mayHaveCuda(join(libraries, 'nothing'))).toBe(true)
  await mkdir(join(libraries, 'napi-v6', 'other', process.arch), { recursive: true })
  expect(mayHaveCuda(libraries)).toBe(true)
})

it('finds the libraries of the ONNX Runtime that is installed', async () => {
  const bin = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '../bin')
  const [version] = await readdir(bin)
  const names = await readdir(join(bin, version!, process.platform, process.arch))
  expect(names.some((name) => name.endsWith('.node'))).toBe(true)
  expect(mayHaveCuda()).toBe(names.some((name) => name.includes('providers_cuda')))
})
