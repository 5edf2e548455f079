// Asks Flink's own format classes for the answers in flink-2.2.1.jsonl; README.md says how to run it.

import java.io.BufferedReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.api.common.functions.util.ListCollector;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.formats.common.TimestampFormat;
import org.apache.flink.formats.csv.CsvRowDataDeserializationSchema;
import org.apache.flink.formats.csv.CsvRowDataSerializationSchema;
import org.apache.flink.formats.json.JsonFormatOptions;
import org.apache.flink.formats.json.JsonParserRowDataDeserializationSchema;
import org.apache.flink.formats.json.JsonRowDataDeserializationSchema;
import org.apache.flink.formats.json.JsonRowDataSerializationSchema;
import org.apache.flink.formats.raw.RawFormatDeserializationSchema;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.table.data.ArrayData;
import org.apache.flink.table.data.DecimalData;
import org.apache.flink.table.data.MapData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.runtime.typeutils.InternalTypeInfo;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;

public final class FlinkAnswers {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        try (BufferedReader in = Files.newBufferedReader(Path.of(arguments[0]));
                PrintStream out = new PrintStream(arguments[1], StandardCharsets.UTF_8)) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                ObjectNode question = (ObjectNode) JSON.readTree(line);
                question.remove(List.of("rows", "written", "error"));
                answer(question);
                out.println(JSON.writeValueAsString(question));
            }
        }
    }

    private static void answer(ObjectNode question) {
        JsonNode options = question.path("options");
        String format = question.get("format").asText();
        boolean encode = question.get("op").asText().equals("encode");
        RowType type = (RowType) LogicalTypeParser.parse(question.get("type").asText(), FlinkAnswers.class.getClassLoader());
        try {
            // What is to be written arrives as JSON with the default options.
            List<RowData> rows = encode
                    ? decode("json", type, JSON.createObjectNode(), message(question))
                    : decode(format, type, options, message(question));
            ArrayNode answers = JSON.createArrayNode();
            if (encode) {
                SerializationSchema<RowData> encoder = format.equals("csv") ? csvEncoder(type, options) : jsonEncoder(type, options);
                encoder.open(null);
                for (RowData row : rows) {
                    answers.add(new String(encoder.serialize(row), StandardCharsets.UTF_8));
                }
            } else {
                rows.forEach(row -> answers.add(row == null ? "<null>" : render(row, type)));
            }
            question.set(encode ? "written" : "rows", answers);
        } catch (Throwable refusal) {
            question.put("error", true);
        }
    }

    private static byte[] message(JsonNode question) {
        return question.has("input_hex")
                ? HexFormat.of().parseHex(question.get("input_hex").asText())
                : question.get("input").asText().getBytes(StandardCharsets.UTF_8);
    }

    private static List<RowData> decode(String format, RowType type, JsonNode options, byte[] message) throws Exception {
        DeserializationSchema<RowData> decoder = switch (format) {
            case "csv" -> csvDecoder(type, options);
            case "raw" -> new RawFormatDeserializationSchema(
                    type.getTypeAt(0),
                    InternalTypeInfo.of(type),
                    options.path("charset").asText("UTF-8"),
                    !options.path("endianness").asText().equals("little-endian"));
            default -> jsonDecoder(type, options);
        };
        decoder.open(null);
        List<RowData> rows = new ArrayList<>();
        decoder.deserialize(message, new ListCollector<>(rows));
        return rows;
    }

    private static boolean isTrue(JsonNode options, String name, boolean otherwise) {
        return options.has(name) ? options.get(name).asText().equals("true") : otherwise;
    }

    private static TimestampFormat standard(JsonNode options) {
        boolean iso = options.path("timestamp-format.standard").asText().equals("ISO-8601");
        return iso ? TimestampFormat.ISO_8601 : TimestampFormat.SQL;
    }

    private static DeserializationSchema<RowData> jsonDecoder(RowType type, JsonNode options) {
        InternalTypeInfo<RowData> info = InternalTypeInfo.of(type);
        boolean fail = isTrue(options, "fail-on-missing-field", false);
        boolean ignore = isTrue(options, "ignore-parse-errors", false);
        return isTrue(options, "decode.json-parser.enabled", true)
                ? new JsonParserRowDataDeserializationSchema(type, info, fail, ignore, standard(options))
                : new JsonRowDataDeserializationSchema(type, info, fail, ignore, standard(options));
    }

    private static SerializationSchema<RowData> jsonEncoder(RowType type, JsonNode options) {
        return new JsonRowDataSerializationSchema(
                type,
                standard(options),
                JsonFormatOptions.MapNullKeyMode.valueOf(options.path("map-null-key.mode").asText("FAIL")),
                options.path("map-null-key.literal").asText("null"),
                isTrue(options, "encode.decimal-as-plain-number", false),
                isTrue(options, "encode.ignore-null-fields", false));
    }

    private static char character(JsonNode options, String name, char otherwise) {
        return options.has(name) ? options.get(name).asText().charAt(0) : otherwise;
    }

    private static DeserializationSchema<RowData> csvDecoder(RowType type, JsonNode options) {
        var builder = new CsvRowDataDeserializationSchema.Builder(type, InternalTypeInfo.of(type))
                .setFieldDelimiter(character(options, "field-delimiter", ','))
                .setArrayElementDelimiter(options.path("array-element-delimiter").asText(";"))
                .setAllowComments(isTrue(options, "allow-comments", false))
                .setIgnoreParseErrors(isTrue(options, "ignore-parse-errors", false));
        if (isTrue(options, "disable-quote-character", false)) {
            builder.disableQuoteCharacter();
        } else {
            builder.setQuoteCharacter(character(options, "quote-character", '"'));
        }
        if (options.has("escape-character")) {
            builder.setEscapeCharacter(character(options, "escape-character", '\\'));
        }
        if (options.has("null-literal")) {
            builder.setNullLiteral(options.get("null-literal").asText());
        }
        return builder.build();
    }

    private static SerializationSchema<RowData> csvEncoder(RowType type, JsonNode options) {
        var builder = new CsvRowDataSerializationSchema.Builder(type)
                .setFieldDelimiter(character(options, "field-delimiter", ','))
                .setArrayElementDelimiter(options.path("array-element-delimiter").asText(";"));
        if (isTrue(options, "disable-quote-character", false)) {
            builder.disableQuoteCharacter();
        } else {
            builder.setQuoteCharacter(character(options, "quote-character", '"'));
        }
        if (options.has("escape-character")) {
            builder.setEscapeCharacter(character(options, "escape-character", '\\'));
        }
        if (options.has("null-literal")) {
            builder.setNullLiteral(options.get("null-literal").asText());
        }
        String scientific = "write-bigdecimal-in-scientific-notation";
        if (options.has(scientific)) {
            builder.setWriteBigDecimalInScientificNotation(isTrue(options, scientific, true));
        }
        return builder.build();
    }

    private static String render(Object value, LogicalType type) {
        if (value == null) {
            return "null";
        }
        return switch (type.getTypeRoot()) {
            case CHAR, VARCHAR -> quoted(value.toString());
            case BINARY, VARBINARY -> "x" + HexFormat.of().formatHex((byte[]) value);
            case FLOAT -> "f:" + Integer.toHexString(Float.floatToIntBits((Float) value));
            case DOUBLE -> "d:" + Long.toHexString(Double.doubleToLongBits((Double) value));
            case DECIMAL -> ((DecimalData) value).toBigDecimal().toPlainString();
            case TIMESTAMP_WITHOUT_TIME_ZONE, TIMESTAMP_WITH_LOCAL_TIME_ZONE ->
                ((TimestampData) value).getMillisecond() + "." + ((TimestampData) value).getNanoOfMillisecond();
            case ARRAY -> "[" + String.join(", ", items((ArrayData) value, ((ArrayType) type).getElementType())) + "]";
            case MAP -> {
                MapType map = (MapType) type;
                List<String> keys = items(((MapData) value).keyArray(), map.getKeyType());
                List<String> values = items(((MapData) value).valueArray(), map.getValueType());
                Map<String, String> sorted = new TreeMap<>();
                for (int i = 0; i < keys.size(); i++) {
                    sorted.put(keys.get(i), values.get(i));
                }
                yield sorted.toString();
            }
            case ROW -> {
                List<String> cells = new ArrayList<>();
                for (int i = 0; i < type.getChildren().size(); i++) {
                    LogicalType child = type.getChildren().get(i);
                    cells.add(render(RowData.createFieldGetter(child, i).getFieldOrNull((RowData) value), child));
                }
                yield "(" + String.join(", ", cells) + ")";
            }
            default -> value.toString();
        };
    }

    private static List<String> items(ArrayData array, LogicalType type) {
        ArrayData.ElementGetter getter = ArrayData.createElementGetter(type);
        List<String> items = new ArrayList<>();
        for (int i = 0; i < array.size(); i++) {
            items.add(render(getter.getElementOrNull(array, i), type));
        }
        return items;
    }

    private static String quoted(String text) {
        try {
            return JSON.writeValueAsString(text);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
