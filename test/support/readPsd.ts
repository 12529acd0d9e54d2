import { initializeCanvas, type Psd, readPsd as read } from 'ag-psd'

// The reader, unlike the writer, asks for a way to make its pixel buffers; nothing is drawn.
initializeCanvas(
  () => {
    throw new Error('no canvas is needed')
  },
  (width, height) => ({ width, height, data: new Uint8ClampedArray(4 * width * height), colorSpace: 'srgb' }),
)

/** A PSD as ag-psd reads it, its layers and composite as pixels. */
export const readPsd = (bytes: Uint8Array): Psd => read(bytes, { useImageData: true, skipThumbnail: true })
