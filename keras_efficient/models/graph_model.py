"""Base of the functional models that are classes of their own."""

import keras


class GraphModel(keras.Model):
    """A functional model whose constructor builds its graph.

    Saving keeps the graph itself, layer by layer, with whatever was changed
    on the layers since; loading gives an object of the same class.
    """

    def get_config(self):
        graph = keras.Model(self.input, self.output, name=self.name)
        return graph.get_config()

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Builds the model from the config of its graph."""
        graph = keras.Model.from_config(config, custom_objects)
        model = cls.__new__(cls)
        # Past the constructor of `cls`, which would build another graph.
        keras.Model.__init__(
            model, inputs=graph.input, outputs=graph.output, name=graph.name
        )
        return model
