// Asks Apache Flink for the type and the values of SQL expressions: made crates/sql/tests/golden/expressions.txt.
//
//   java -cp 'FLINK/lib/*:FLINK/opt/*' tests/oracle/FlinkExpressions.java EXPRESSIONS ANSWERS
//
// EXPRESSIONS has one expression per line over the columns of `t` below, lines of `#` being comments. Behind each, ANSWERS has
// its type and its value in the row of values and in the row of nulls, or what Flink refuses.

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

public class FlinkExpressions {
  /** Columns of the row of values; the other row has a null in each but the first. */
  private static final String[][] COLUMNS = {
    {"id", "INT", "1"}, {"i", "INT", "7"}, {"n", "INT", "NULL"}, {"z", "INT", "0"}, {"l", "BIGINT", "5000000000"},
    {"ti", "TINYINT", "100"}, {"si", "SMALLINT", "30000"}, {"f", "FLOAT", "1.5"}, {"d", "DOUBLE", "2.5"},
    {"dec", "DECIMAL(10,2)", "12.34"}, {"price", "BIGINT", "100"}, {"b", "BOOLEAN", "TRUE"}, {"s", "STRING", "'abc'"},
    {"ts", "TIMESTAMP(3)", "'2013-01-31 12:34:56.789'"}, {"ts6", "TIMESTAMP(6)", "'2013-01-31 12:34:56.789123'"},
    {"ltz", "TIMESTAMP_LTZ(3)", "'2013-01-31 12:34:56.789'"}, {"dt", "DATE", "'2013-01-31'"},
    {"r", "ROW<x INT, y ROW<z STRING>>", "ROW(1, ROW('zz'))"}, {"arr", "ARRAY<INT>", "ARRAY[10, 20]"},
    {"m", "MAP<STRING, INT>", "MAP['k', 5]"},
  };

  private static TableEnvironment env;

  public static void main(String[] arguments) throws Exception {
    env = TableEnvironment.create(EnvironmentSettings.inBatchMode());
    env.getConfig().set("table.local-time-zone", "UTC");
    env.getConfig().set("parallelism.default", "1");
    env.executeSql("CREATE TEMPORARY VIEW t AS " + row(false) + " UNION ALL " + row(true));
    List<String> lines = Files.readAllLines(Path.of(arguments[0]));
    Map<String, String> types = new HashMap<>();
    List<String> bound = new ArrayList<>();
    for (String line : lines) {
      if (isExpression(line)) {
        bind(line, types, bound);
      }
    }
    Map<String, String> values = new HashMap<>();
    for (int from = 0; from < bound.size(); from += 24) {
      evaluate(bound, from, Math.min(bound.size(), from + 24), values);
    }
    StringBuilder out = new StringBuilder();
    for (String line : lines) {
      out.append(line).append('\n');
      if (isExpression(line)) {
        out.append("    ").append(types.get(line)).append('\n');
        if (values.containsKey(line)) {
          out.append("    ").append(values.get(line)).append('\n');
        }
      }
    }
    Files.writeString(Path.of(arguments[1]), out);
  }

  private static boolean isExpression(String line) {
    return !line.isBlank() && !line.startsWith("#");
  }

  private static String row(boolean nulls) {
    List<String> columns = new ArrayList<>();
    for (String[] column : COLUMNS) {
      String value = !nulls ? column[2] : column[0].equals("id") ? "2" : "NULL";
      columns.add("CAST(" + value + " AS " + column[1] + ") AS `" + column[0] + "`");
    }
    return "SELECT " + String.join(", ", columns);
  }

  /** `dec` is a reserved word of Flink's, and a column here. */
  private static String quoted(String expression) {
    return expression.replaceAll("\\bdec\\b", "`dec`");
  }

  private static void bind(String line, Map<String, String> types, List<String> bound) {
    try {
      var schema = env.sqlQuery("SELECT " + quoted(line) + " AS r FROM t").getResolvedSchema();
      types.put(line, schema.getColumn(0).get().getDataType().getLogicalType().asSummaryString());
      bound.add(line);
    } catch (Throwable refusal) {
      types.put(line, "refused: " + message(refusal));
    }
  }

  /** Evaluates many expressions at once; when one of them fails, halves until it is alone. */
  private static void evaluate(List<String> lines, int from, int to, Map<String, String> values) {
    StringBuilder query = new StringBuilder("SELECT id");
    for (int index = from; index < to; index++) {
      query.append(", CAST((").append(quoted(lines.get(index))).append(") AS STRING) AS c").append(index);
    }
    TreeMap<Integer, String[]> rows = new TreeMap<>();
    try (var results = env.executeSql(query.append(" FROM t").toString()).collect()) {
      while (results.hasNext()) {
        var result = results.next();
        String[] row = new String[to - from];
        for (int column = 0; column < row.length; column++) {
          row[column] = text(result.getField(column + 1));
        }
        rows.put((Integer) result.getField(0), row);
      }
    } catch (Throwable failure) {
      if (to - from == 1) {
        values.put(lines.get(from), "error: " + message(failure));
        return;
      }
      int middle = (from + to) / 2;
      evaluate(lines, from, middle, values);
      evaluate(lines, middle, to, values);
      return;
    }
    for (int index = from; index < to; index++) {
      values.put(lines.get(index), rows.get(1)[index - from] + " | " + rows.get(2)[index - from]);
    }
  }

  private static String text(Object value) {
    return value == null ? "NULL" : String.valueOf(value).replace("\\", "\\\\").replace("\n", "\\n");
  }

  private static String message(Throwable error) {
    while (error.getCause() != null) {
      error = error.getCause();
    }
    return String.valueOf(error.getMessage()).split("\n")[0];
  }
}
