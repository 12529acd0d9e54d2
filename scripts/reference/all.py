"""Writes every fixture of this folder anew; arguments are handed to each script (see README.md)."""
import clip
import contrastive
import fastAtlas
import generator
import losses
import madgrad
import ops
import quantized
import steps
import videoSteps
import views

if __name__ == '__main__':
    for oracle in (ops, quantized, madgrad, contrastive, fastAtlas, generator, views, clip, losses, steps, videoSteps):
        print(oracle.__name__)
        oracle.main()
