import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, freemem, platform, release, totalmem } from 'node:os'
import { env } from 'onnxruntime-common'
import { decodePhoto } from '../media/node/decodePhoto.js'
import { digestFile } from '../media/node/digestFile.js'
import { registerCodecs } from '../media/node/registerCodecs.js'
import { loadSharp } from '../media/node/sharp.js'
import { probeDevices, type DeviceProbe } from './probeDevice.js'
import { withoutPrivatePaths } from './withoutPrivatePaths.js'

/**
 * What `text2live doctor` found out: what a report of a defect needs, and nothing that says whose machine it is. Paths
 * in messages are named, not written out.
 */
export interface DoctorReport {
  readonly versions: Readonly<Record<'text2live' | 'node' | 'onnxruntime' | 'sharp' | 'libvips', string>>
  readonly system: {
    /** "linux 6.1.0 x64". */
    readonly name: string
    /** Version of the C library; null but on Linux with glibc. */
    readonly glibc: string | null
  }
  /** Names of the variables that steer text2live or its downloads and are set here; never their values. */
  readonly variables: readonly string[]
  readonly cpu: { readonly model: string; readonly cores: number }
  /** Bytes. */
  readonly memory: { readonly total: number; readonly free: number }
  readonly devices: readonly DeviceProbe[]
  /** Of each folder of the package's own networks. */
  readonly models: Readonly<Record<BundledModel, FolderProbe>>
  readonly formats: readonly FormatProbe[]
  /** Video: the codecs are an optional part. */
  readonly clips: { readonly works: true } | { readonly works: false; readonly problem: string }
  /** All that a run on the CPU needs works. */
  readonly healthy: boolean
}

type FolderProbe =
  { readonly intact: true; readonly files: number } | { readonly intact: false; readonly problem: string }

export interface FormatProbe {
  readonly format: (typeof photoFormats)[number]
  readonly reads: boolean
  readonly problem?: string
}

type BundledModel = 'starter' | 'outline' | 'start'
const photoFormats = ['jpeg', 'png', 'webp', 'avif', 'tiff'] as const

/** Tries each device and each picture format by using them, and proves the files of the embedded models. */
export async function examineMachine(): Promise<DoctorReport> {
  const probes = await probeDevices()
  const models = {
    starter: await checkFolder('starter'),
    outline: await checkFolder('outline'),
    start: await checkFolder('start'),
  }
  const formats = await Promise.all(photoFormats.map(probeFormat))
  const packageJson = createRequire(import.meta.url)('../../package.json') as { version: string }
  return {
    versions: {
      text2live: packageJson.version,
      node: process.versions.node,
      onnxruntime: env.versions.common,
      ...sharpVersions(),
    },
    system: { name: `${platform()} ${release()} ${process.arch}`, glibc: glibcVersion() },
    variables: steering.filter(
      (name) => process.env[name] !== undefined || process.env[name.toLowerCase()] !== undefined,
    ),
    cpu: { model: cpus()[0]?.model.trim() ?? 'unknown', cores: availableParallelism() },
    memory: { total: totalmem(), free: freemem() },
    devices: probes.map((probe) => (probe.works ? probe : { ...probe, reason: withoutPrivatePaths(probe.reason) })),
    models,
    formats,
    clips: await probeClips(),
    healthy:
      probes.some(({ device, works }) => device === 'cpu' && works) &&
      Object.values(models).every(({ intact }) => intact) &&
      formats.every(({ reads }) => reads),
  }
}

/** What changes where models come from, how downloads go and which native parts are taken. */
const steering = [
  'HF_HOME',
  'HF_HUB_CACHE',
  'HF_ENDPOINT',
  'HF_TOKEN',
  'HF_HUB_OFFLINE',
  'HF_HUB_DOWNLOAD_TIMEOUT',
  'HTTPS_PROXY',
  'HTTP_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'NODE_EXTRA_CA_CERTS',
  'NODE_OPTIONS',
  'LD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
] as const

function glibcVersion(): string | null {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime ?? null
}

async function probeClips(): Promise<DoctorReport['clips']> {
  try {
    await registerCodecs()
    return { works: true }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : (error as Error)
    return { works: false, problem: firstLine(cause.message) }
  }
}

const firstLine = (message: string): string => withoutPrivatePaths(message.split('\n')[0] ?? '')

/** Compares the files of an embedded model with the checksums that ship beside them. */
async function checkFolder(model: BundledModel): Promise<FolderProbe> {
  const folder = new URL(`../../models/${model}/`, import.meta.url)
  try {
    const sums = (await readFile(new URL('SHA256SUMS', folder), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+\*?/))
    for (const [expected, name] of sums) {
      if (expected === undefined || name === undefined) return { intact: false, problem: 'SHA256SUMS cannot be read' }
      if ((await digestFile(new URL(name, folder))).sha256 !== expected)
        return { intact: false, problem: `${name} is not the file that was published. Install text2live again` }
    }
    return { intact: true, files: sums.length }
  } catch (error) {
    return { intact: false, problem: firstLine((error as Error).message) }
  }
}

function sharpVersions(): { sharp: string; libvips: string } {
  try {
    const { sharp, vips } = loadSharp().versions
    return { sharp, libvips: vips }
  } catch {
    return { sharp: 'missing', libvips: 'missing' }
  }
}

/** Writes a small picture in the format and reads it back. */
async function probeFormat(format: FormatProbe['format']): Promise<FormatProbe> {
  try {
    const bytes = await loadSharp()({
      create: { width: 64, height: 48, channels: 3, background: { r: 200, g: 100, b: 50 } },
    })
      .toFormat(format)
      .toBuffer()
    const { rgb } = await decodePhoto(bytes)
    const red = rgb.data[0] ?? 0
    if (rgb.width !== 64 || rgb.height !== 48 || Math.abs(red - 200 / 255) > 0.05)
      return { format, reads: false, problem: 'it is read wrongly' }
    return { format, reads: true }
  } catch (error) {
    return { format, reads: false, problem: firstLine((error as Error).message) }
  }
}
