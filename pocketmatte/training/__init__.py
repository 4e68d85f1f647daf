"""Training: data made from pictures, and the losses and stages that use it."""
