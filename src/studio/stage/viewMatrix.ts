export interface Point {
  readonly x: number
  readonly y: number
}

export interface Size {
  readonly width: number
  readonly height: number
}

/** Columns x to x + width and rows y to y + height. */
export interface Area extends Point, Size {}

/** How a photo lies in a pane: photo px times `scale` plus the origin's place gives CSS px from the pane's corner. */
export interface ViewMatrix {
  /** CSS px for each photo px. */
  readonly scale: number
  /** Where the photo's corner is, CSS px. */
  readonly x: number
  readonly y: number
}

/** The photo px at a place in the pane. */
export const toPhoto = ({ scale, x, y }: ViewMatrix, at: Point): Point => ({
  x: (at.x - x) / scale,
  y: (at.y - y) / scale,
})

/** The place in the pane of a photo px. */
export const toPane = ({ scale, x, y }: ViewMatrix, at: Point): Point => ({
  x: at.x * scale + x,
  y: at.y * scale + y,
})

/** The whole photo in the middle of the pane, with `margin` CSS px about it; a small photo is not enlarged. */
export function fitMatrix(photo: Size, pane: Size, density: number, margin = 12): ViewMatrix {
  const room = { width: Math.max(1, pane.width - 2 * margin), height: Math.max(1, pane.height - 2 * margin) }
  const scale = Math.min(1 / density, room.width / photo.width, room.height / photo.height)
  return { scale, x: (pane.width - photo.width * scale) / 2, y: (pane.height - photo.height * scale) / 2 }
}

/** The same photo px stays under `at`. */
export function zoomMatrix(matrix: ViewMatrix, scale: number, at: Point): ViewMatrix {
  const ratio = scale / matrix.scale
  return { scale, x: at.x - (at.x - matrix.x) * ratio, y: at.y - (at.y - matrix.y) * ratio }
}

/** From half the scale at which the whole photo fits, to 64 device px for each photo px. */
export function scaleLimits(photo: Size, pane: Size, density: number): { least: number; most: number } {
  return { least: fitMatrix(photo, pane, density).scale / 2, most: 64 / density }
}

/** The photo cannot be lost: some of it stays in the pane, `keep` CSS px or all it has. */
export function keptInSight(matrix: ViewMatrix, photo: Size, pane: Size, keep = 48): ViewMatrix {
  const along = (start: number, length: number, room: number): number => {
    const least = Math.min(keep, length, room)
    return Math.min(room - least, Math.max(least - length, start))
  }
  return {
    scale: matrix.scale,
    x: along(matrix.x, photo.width * matrix.scale, pane.width),
    y: along(matrix.y, photo.height * matrix.scale, pane.height),
  }
}

/** The area that two areas share; of a size below 0 where they share none. */
export function common(a: Area, b: Area): Area {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)]
  return {
    x,
    y,
    width: Math.min(a.x + a.width, b.x + b.width) - x,
    height: Math.min(a.y + a.height, b.y + b.height) - y,
  }
}

/** The least area that holds both. */
export function around(a: Area, b: Area): Area {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)]
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  }
}
