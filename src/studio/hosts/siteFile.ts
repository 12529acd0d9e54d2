/**
 * A file of the site that is fetched when a person says so: of a model, or of the engine. Made when the site is built.
 */
export interface SiteFile {
  /** Below the site's folder. */
  readonly path: string
  readonly bytes: number
  /** SHA-256 in hex. */
  readonly sha256: string
  /** `webgpu`: of the engine for graphics cards, needed only where there is one. */
  readonly part: 'models' | 'engine' | 'webgpu'
}

/** The build puts it in; none where the page has a server. */
declare const STUDIO_FILES: readonly SiteFile[]

/** All of them. */
export const siteFiles: readonly SiteFile[] = STUDIO_FILES
