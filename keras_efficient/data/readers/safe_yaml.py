"""Reading of yaml files whose aliases cannot be trusted."""

from typing import Any

import yaml

from keras_efficient.data.readers.json_files import TOO_DEEP

# Brackets inside each other.
MAX_DEPTH = 50
# Values that aliases may repeat, beside as many as the file has characters.
FREE_REPETITIONS = 1000


class _Loader(yaml.BaseLoader):
    """Loads all values as strings, and counts what aliases repeat."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._sizes: dict[int, int] = {}
        self._left = FREE_REPETITIONS + len(text)

    def fetch_flow_collection_start(self, kind: Any) -> None:
        # The time that PyYAML takes for each bracket grows with their number.
        if self.flow_level >= MAX_DEPTH:
            raise yaml.YAMLError(f"it {TOO_DEEP}")
        super().fetch_flow_collection_start(kind)

    def compose_node(self, parent: Any, index: Any) -> Any:
        is_alias = self.check_event(yaml.AliasEvent)
        node: Any = super().compose_node(parent, index)
        if not is_alias:
            self._sizes[id(node)] = 1 + self._size_of_children(node)
            return node
        if id(node) not in self._sizes:
            raise yaml.YAMLError("an alias is inside the value it stands for")
        self._left -= self._sizes[id(node)]
        if self._left < 0:
            raise yaml.YAMLError(
                "aliases repeat more values than the file has characters. "
                "Write the values without aliases"
            )
        return node

    def _size_of_children(self, node: Any) -> int:
        if isinstance(node, yaml.SequenceNode):
            return sum(self._sizes[id(x)] for x in node.value)
        if isinstance(node, yaml.MappingNode):
            return sum(self._sizes[id(x)] for pair in node.value for x in pair)
        return 0


def parse_yaml(text: str, source: object) -> Any:
    """Return the contents of yaml text. All single values are strings.

    Values that aliases (`*name`) repeat count as often as they occur. There
    must not be more of them than the text has characters, so that a file of a
    few lines does not stand for gigabytes.

    Args:
        text: The text.
        source: Path of the file, for messages.

    Raises:
        ValueError: If it is not valid YAML, has lists in lists a hundred
            times, or aliases that repeat too much.
    """
    try:
        return yaml.load(text, _Loader)
    except RecursionError as e:
        raise ValueError(f"{source} {TOO_DEEP}") from e
    except (yaml.YAMLError, ValueError) as e:
        raise ValueError(f"{source} is not valid YAML: {e}") from e
