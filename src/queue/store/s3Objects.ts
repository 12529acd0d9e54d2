import type * as AwsS3 from '@aws-sdk/client-s3'
import type { CompletedPart, S3Client, S3ServiceException, Part } from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Text2LiveError } from '../../errors.js'
import { asidePath } from '../../media/node/asidePath.js'
import { writeError } from '../../media/node/atomicWrite.js'
import { digestFile } from '../../media/node/digestFile.js'
import { assertDigest } from './fileDigest.js'
import type { FileDigest, ObjectStore } from './objectStore.js'

type Sdk = typeof AwsS3

/** Bytes; a larger file goes up in parts of as many, and an upload that was cut off goes on at the next part. */
const partBytes = 8 * 2 ** 20

/**
 * Times that a request is sent again which the store does not answer, or answers with 503, 500 or 429; the SDK waits
 * longer before each.
 */
const attempts = 6

/**
 * The store in a bucket of any S3-compatible service. Address and credentials are those of the AWS tools: the variables
 * AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or their files.
 * @param address s3://bucket or s3://bucket/prefix
 * @throws STORE_NOT_FOUND, STORE_REFUSED, STORE_UNREACHABLE, DEPENDENCY_MISSING, OPTION_INVALID
 */
export async function openS3Objects(address: string): Promise<ObjectStore> {
  const [, bucket, prefix = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(address) ?? []
  if (bucket === undefined)
    throw new Text2LiveError(
      'OPTION_INVALID',
      `Expected a folder, s3://<bucket> or s3://<bucket>/<prefix> as --store, got "${address}".`,
    )
  const sdk = await loadSdk()
  const client = new sdk.S3Client({
    maxAttempts: attempts,
    region: process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? 'us-east-1',
    // Services at an address of their own rarely have a name for each bucket.
    forcePathStyle: (process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL']) !== undefined,
  })
  const store = new S3Objects(sdk, client, bucket, prefix.replace(/\/*$/, prefix === '' ? '' : '/'))
  try {
    await store.assertBucket()
    return store
  } catch (error) {
    store.close()
    throw error
  }
}

async function loadSdk(): Promise<Sdk> {
  // Else it prints on older versions of Node that its future ones want a newer one.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'
  try {
    return await import('@aws-sdk/client-s3')
  } catch (cause) {
    throw new Text2LiveError(
      'DEPENDENCY_MISSING',
      'A store in a bucket (--store s3://...) needs the package @aws-sdk/client-s3, and it is not there. Install it with: npm install @aws-sdk/client-s3',
      { cause },
    )
  }
}

class S3Objects implements ObjectStore {
  readonly place: string
  readonly #sdk: Sdk
  readonly #client: S3Client
  readonly #bucket: string
  readonly #prefix: string

  constructor(sdk: Sdk, client: S3Client, bucket: string, prefix: string) {
    this.#sdk = sdk
    this.#client = client
    this.#bucket = bucket
    this.#prefix = prefix
    this.place = `s3://${bucket}/${prefix}`
  }

  async assertBucket(): Promise<void> {
    await this.#asking(() => this.#client.send(new this.#sdk.HeadBucketCommand({ Bucket: this.#bucket })))
  }

  async read(key: string): Promise<Uint8Array | null> {
    return await this.#orNull(async () => {
      const { Body } = await this.#client.send(new this.#sdk.GetObjectCommand(this.#at(key)))
      return await Body!.transformToByteArray()
    })
  }

  async write(key: string, data: Uint8Array | string): Promise<void> {
    await this.#asking(() =>
      this.#client.send(new this.#sdk.PutObjectCommand({ ...this.#at(key), Body: data, ChecksumAlgorithm: 'SHA256' })),
    )
  }

  async create(key: string, data: string): Promise<boolean> {
    try {
      await this.#asking(() =>
        this.#client.send(new this.#sdk.PutObjectCommand({ ...this.#at(key), Body: data, IfNoneMatch: '*' })),
      )
      return true
    } catch (error) {
      if (statusOf((error as Text2LiveError).cause) === 412) return false
      throw error
    }
  }

  async size(key: string): Promise<number | null> {
    return await this.#orNull(async () => {
      const { ContentLength } = await this.#client.send(new this.#sdk.HeadObjectCommand(this.#at(key)))
      return ContentLength ?? 0
    })
  }

  async upload(key: string, path: string, digest: FileDigest): Promise<void> {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      if (size > partBytes) await this.#uploadParts(key, file, digest)
      else {
        const data = await file.readFile()
        assertDigest(path, digest, digestOf(data))
        await this.write(key, data)
      }
    } finally {
      await file.close()
    }
  }

  /**
   * Each part is sent with its SHA-256, which the store checks. Parts that are there already, by their length and hash,
   * are not sent again.
   */
  async #uploadParts(key: string, file: FileHandle, digest: FileDigest): Promise<void> {
    const at = this.#at(key)
    const { uploadId, sent } = await this.#unfinished(key)
    const hash = createHash('sha256')
    const parts: CompletedPart[] = []
    for (let start = 0; start < digest.bytes; start += partBytes) {
      const data = Buffer.alloc(Math.min(partBytes, digest.bytes - start))
      let read = 0
      while (read < data.length) {
        const { bytesRead } = await file.read(data, read, data.length - read, start + read)
        if (bytesRead === 0) break
        read += bytesRead
      }
      hash.update(data.subarray(0, read))
      const number = parts.length + 1
      const there = sent.get(number)
      if (there !== undefined && isPart(there, data)) {
        parts.push({ PartNumber: number, ETag: there.ETag, ChecksumSHA256: there.ChecksumSHA256 })
        continue
      }
      const { ETag, ChecksumSHA256 } = await this.#asking(() =>
        this.#client.send(
          new this.#sdk.UploadPartCommand({
            ...at,
            UploadId: uploadId,
            PartNumber: number,
            Body: data,
            ChecksumAlgorithm: 'SHA256',
          }),
        ),
      )
      parts.push({ PartNumber: number, ETag, ChecksumSHA256 })
    }
    assertDigest(key, digest, { sha256: hash.digest('hex'), bytes: digest.bytes })
    await this.#asking(() =>
      this.#client.send(
        new this.#sdk.CompleteMultipartUploadCommand({ ...at, UploadId: uploadId, MultipartUpload: { Parts: parts } }),
      ),
    )
  }

  /** An upload of this key that was cut off, or a new one. */
  async #unfinished(key: string): Promise<{ uploadId: string; sent: Map<number, Part> }> {
    const { Uploads = [] } = await this.#asking(() =>
      this.#client.send(
        new this.#sdk.ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: `${this.#prefix}${key}` }),
      ),
    )
    const found = Uploads.find(({ Key }) => Key === `${this.#prefix}${key}`)?.UploadId
    if (found === undefined) {
      const { UploadId } = await this.#asking(() =>
        this.#client.send(
          new this.#sdk.CreateMultipartUploadCommand({ ...this.#at(key), ChecksumAlgorithm: 'SHA256' }),
        ),
      )
      return { uploadId: UploadId!, sent: new Map() }
    }
    const sent = new Map<number, Part>()
    for (let marker: string | undefined; ;) {
      const answer = await this.#asking(() =>
        this.#client.send(
          new this.#sdk.ListPartsCommand({
            ...this.#at(key),
            UploadId: found,
            ...(marker === undefined ? {} : { PartNumberMarker: marker }),
          }),
        ),
      )
      for (const part of answer.Parts ?? []) sent.set(part.PartNumber!, part)
      if (answer.IsTruncated !== true) return { uploadId: found, sent }
      marker = answer.NextPartNumberMarker
    }
  }

  async download(key: string, path: string, digest: FileDigest): Promise<boolean> {
    const aside = asidePath(path)
    try {
      await mkdir(dirname(path), { recursive: true })
      const found = await this.#orNull(async () => {
        const { Body } = await this.#client.send(new this.#sdk.GetObjectCommand(this.#at(key)))
        await pipeline(Body as Readable, createWriteStream(aside))
        return true
      })
      if (found === null) return false
      assertDigest(`${this.place}${key}`, digest, await digestFile(aside))
      await rename(aside, path)
      return true
    } catch (cause) {
      throw writeError(path, cause)
    } finally {
      await rm(aside, { force: true })
    }
  }

  async children(folder: string): Promise<string[]> {
    const names: string[] = []
    const prefix = `${this.#prefix}${folder}`
    for (let token: string | undefined; ;) {
      const answer = await this.#asking(() =>
        this.#client.send(
          new this.#sdk.ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: prefix,
            Delimiter: '/',
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        ),
      )
      for (const { Prefix } of answer.CommonPrefixes ?? []) names.push(Prefix!.slice(prefix.length, -1))
      for (const { Key } of answer.Contents ?? []) names.push(Key!.slice(prefix.length))
      if (answer.IsTruncated !== true) return names.sort()
      token = answer.NextContinuationToken
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (let start = 0; start < keys.length; start += 1000) {
      const Objects = keys.slice(start, start + 1000).map((key) => ({ Key: `${this.#prefix}${key}` }))
      await this.#asking(() =>
        this.#client.send(
          new this.#sdk.DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } }),
        ),
      )
    }
  }

  close(): void {
    this.#client.destroy()
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: `${this.#prefix}${key}` }
  }

  /** Null for an object that is not there. */
  async #orNull<T>(ask: () => Promise<T>): Promise<T | null> {
    return await this.#asking(async () => {
      try {
        return await ask()
      } catch (error) {
        const { name } = error as Error
        if (name === 'NoSuchKey' || name === 'NotFound') return null
        throw error
      }
    })
  }

  async #asking<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (cause) {
      throw this.#coded(cause)
    }
  }

  /** What the service said, as an error that a person can act on. */
  #coded(cause: unknown): unknown {
    if (cause instanceof Text2LiveError) return cause
    const { name, message } = cause as Error
    // Failures of the disk, where a download is written.
    if (['ENOSPC', 'EACCES', 'EROFS', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '')) return cause
    const status = statusOf(cause)
    const said = `${name}${status === null ? '' : `, ${status}`}${message === '' || message === name ? '' : `: ${message}`}`
    if (name === 'NoSuchBucket' || (status === 404 && name === 'NotFound'))
      return new Text2LiveError(
        'STORE_NOT_FOUND',
        `Expected a bucket "${this.#bucket}" for the store ${this.place}, and there is none (${said}). Make it, or correct --store or AWS_ENDPOINT_URL.`,
        { cause },
      )
    const refused =
      status === 401 ||
      status === 403 ||
      /Credential|TokenRefresh|ExpiredToken|InvalidAccessKey|SignatureDoesNotMatch/.test(name)
    if (refused)
      return new Text2LiveError(
        'STORE_REFUSED',
        `The store ${this.place} lets this program not in (${said}). Expected credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile) with the rights to list the bucket and to read, write and delete its objects.`,
        { cause },
      )
    return new Text2LiveError(
      'STORE_UNREACHABLE',
      `The store ${this.place} does not do what it was asked, after ${attempts} attempts (${said}). Look at its service and at AWS_ENDPOINT_URL, and try again: what is uploaded stays.`,
      { cause },
    )
  }
}

const statusOf = (error: unknown): number | null =>
  (error as Partial<S3ServiceException> | null)?.$metadata?.httpStatusCode ?? null

const digestOf = (data: Uint8Array): FileDigest => ({
  sha256: createHash('sha256').update(data).digest('hex'),
  bytes: data.byteLength,
})

/** Of services that keep no SHA-256 of parts the ETag counts, which is their MD5. */
function isPart({ Size, ETag, ChecksumSHA256 }: Part, data: Uint8Array): boolean {
  if (Size !== data.byteLength) return false
  if (ChecksumSHA256 !== undefined) return ChecksumSHA256 === createHash('sha256').update(data).digest('base64')
  return ETag?.replaceAll('"', '') === createHash('md5').update(data).digest('hex')
}
